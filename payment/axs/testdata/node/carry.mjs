// The ways in which a notification may arrive, each built by the platform's own encoder.

const hook = 'https://relay.example/hook/route'

function query(params, method = 'GET') {
  const url = new URL(hook)
  for (const [name, value] of params) url.searchParams.append(name, value)
  return { method, query: url.search.slice(1) }
}

const post = (contentType, body) => ({ method: 'POST', query: '', contentType, body })
const form = (params) => post('application/x-www-form-urlencoded', new URLSearchParams(params).toString())
const json = (value, contentType = 'application/json') => post(contentType, JSON.stringify(value))

async function multipart(fields) {
  const data = new FormData()
  for (const [name, value] of fields) data.append(name, value)
  const response = new Response(data)
  return post(response.headers.get('content-type'), await response.text())
}

export const forms = {
  'query data': (t) => query([['data', t]]),
  'query data, POST': (t) => query([['data', t]], 'POST'),
  'query among others': (t) => query([['a', '1'], ['data', t], ['z', '?&=']]),
  'query jwe': (t) => query([['jwe', t]]),
  'query token': (t) => query([['token', t]]),
  'form data': (t) => form([['data', t]]),
  'form jwe': (t) => form([['x', 'y z'], ['jwe', t]]),
  'form token': (t) => form([['token', t]]),
  'form called JSON': (t) => ({ ...form([['data', t]]), contentType: 'application/json' }),
  'multipart data': (t) => multipart([['note', 'déjà'], ['data', t]]),
  'multipart token': (t) => multipart([['token', t]]),
  'JSON data': (t) => json({ data: t }),
  'JSON jwe': (t) => json({ event: { type: 'payment', n: [1, 2] }, jwe: t }),
  'JSON token': (t) => json({ token: t }),
  'JSON called a form': (t) => json({ data: t }, 'application/x-www-form-urlencoded'),
  'JSON indented': (t) => post('application/json; charset=utf-8', JSON.stringify({ data: t }, null, 2) + '\n'),
  'raw': (t) => post('application/jose', t),
  'raw with space around': (t) => post('text/plain', ` \r\n${t}\r\n`),
  'raw quoted': (t) => json(t),
  'raw without a type': (t) => post(undefined, t),
}

export async function carry({ form: name, token }) {
  if (name === '') return { forms: Object.keys(forms) }
  const { body = '', contentType = '', ...rest } = await forms[name](token)
  return { ...rest, contentType, body: Buffer.from(body).toString('base64') }
}
