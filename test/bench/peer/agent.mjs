// A payment agent in one file, without anything that kiosk-agent promises: it makes AXS's link, stores the sale, draws the code.
// It appends to a file and syncs it, instead of a database: nothing here has to be compiled, and it is the quicker way.
// Prints "listening PORT". Tills connect to /till and send {"id", "amount"}, displays to /display.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import http from 'node:http'
import { randomBytes } from 'node:crypto'
import { CompactEncrypt } from 'jose'
import QRCode from 'qrcode'
import { WebSocketServer } from 'ws'

const [file, checkout, secret] = process.argv.slice(2)
const book = openSync(file, 'a')
const key = Buffer.from(secret)
const screens = []

function store (fact) {
  writeSync(book, JSON.stringify({ at: new Date(), ...fact }) + '\n')
  fdatasyncSync(book)
}

async function mint (merchantRef, amount) {
  const order = { amount: (amount / 100).toFixed(2), currency: 'SGD', merchantRef, webhookUrl: checkout + '/hook/' + 'w'.repeat(43) }
  const token = new CompactEncrypt(Buffer.from(JSON.stringify(order)))
  token.setProtectedHeader({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', kid: 'bench-client' })
  token.setKeyManagementParameters({ p2c: 1000, p2s: randomBytes(16) })
  return `${checkout}?data=${await token.encrypt(key)}`
}

async function sell (till, text) {
  const { id, amount } = JSON.parse(text)
  if (!Number.isSafeInteger(amount) || amount < 1) return till.send(JSON.stringify({ id, error: 'no amount' }))
  const merchantRef = randomBytes(12).toString('hex')
  const link = await mint(merchantRef, amount)
  store({ merchantRef, amount, link })
  const svg = await QRCode.toString(link, { type: 'svg', errorCorrectionLevel: 'M' })
  for (const screen of screens) screen.send(JSON.stringify({ id, svg }))
  till.send(JSON.stringify({ id, link }))
}

const server = http.createServer((request, response) => response.writeHead(404).end())
new WebSocketServer({ server }).on('connection', (socket, request) => {
  if (request.url === '/display') return screens.push(socket)
  socket.on('message', text => sell(socket, text).catch(err => { console.error(err); process.exit(1) }))
})
server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port))
process.on('SIGTERM', () => { closeSync(book); process.exit(0) })
