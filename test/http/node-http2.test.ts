import { once as event } from 'node:events'
import { connect, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { engine, later } from './fetch-kit.ts'

async function serverOn() {
  const guard = idempotency(engine(), { scope: 'public', required: true })
  let runs = 0
  const server = createServer((req: Http2ServerRequest, res: Http2ServerResponse) => {
    guard(req as never, res as never, () => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => res.writeHead(201).end(`${++runs} ${Buffer.concat(chunks)}`))
    })
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  later(() => {
    session.destroy()
    server.close()
  })
  return async (key: string, body?: string) => {
    const stream = session.request(
      { ':method': 'POST', ':path': '/orders', 'idempotency-key': key },
      { endStream: body === undefined },
    )
    if (body !== undefined) stream.end(body)
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const [headers] = await event(stream, 'response')
    await event(stream, 'end')
    return [headers[':status'], text]
  }
}

it.each([
  ['without a body', undefined],
  ['with a body', 'hello'],
  ['with an empty body', ''],
])('guards a request over HTTP/2 %s', async (_, body) => {
  const post = await serverOn()
  expect(await post('a', body)).toEqual([201, `1 ${body ?? ''}`])
  expect(await post('a', body)).toEqual([201, `1 ${body ?? ''}`])
  expect(await post('b', body)).toEqual([201, `2 ${body ?? ''}`])
})
