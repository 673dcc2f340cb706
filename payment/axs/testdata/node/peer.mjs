// The other side of the wire, in another language and with another JOSE library: it opens what payment/axs mints and sends
// what payment/axs must open. One JSON request per line on stdin, one JSON answer per line on stdout, until stdin ends.
//
//   {id, op: "open",  secret, token}                        -> {id, header, payload}   both as text, exactly as they travelled
//   {id, op: "mint",  secret, payload, kid?, p2c?, p2s?, alg?, enc?} -> {id, token}    payload is text; p2s is base64url
//   {id, op: "carry", form, token}                          -> {id, method, query, contentType, body}   body is base64
//
// A request that fails is answered with {id, error}.
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'
import { CompactEncrypt, base64url, compactDecrypt } from 'jose'
import { carry } from './carry.mjs'

globalThis.crypto ??= webcrypto // Debian 12's Node 18 has it under this name only

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder('utf-8', { fatal: true })

async function open({ secret, token }) {
  const { plaintext } = await compactDecrypt(token, utf8.encode(secret), {
    keyManagementAlgorithms: ['PBES2-HS512+A256KW'],
    contentEncryptionAlgorithms: ['A256GCM'],
    maxPBES2Count: 1000,
  })
  return { header: fromUtf8.decode(base64url.decode(token.split('.')[0])), payload: fromUtf8.decode(plaintext) }
}

async function mint({ secret, payload, kid, p2c = 1000, p2s, alg = 'PBES2-HS512+A256KW', enc = 'A256GCM' }) {
  const header = { alg, enc }
  if (kid !== undefined) header.kid = kid
  const message = new CompactEncrypt(utf8.encode(payload)).setProtectedHeader(header)
  if (alg.startsWith('PBES2')) {
    message.setKeyManagementParameters(p2s === undefined ? { p2c } : { p2c, p2s: base64url.decode(p2s) })
  }
  return { token: await message.encrypt(utf8.encode(secret)) }
}

const ops = { open, mint, carry }

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...params } = JSON.parse(line)
  let answer
  try {
    answer = await ops[op](params)
  } catch (err) {
    answer = { error: String(err?.code ?? err) }
  }
  process.stdout.write(JSON.stringify({ id, ...answer }) + '\n')
}
