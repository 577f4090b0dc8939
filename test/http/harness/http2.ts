import { connect, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** Sends one POST with the key `k`, and answers the status and body of what it is answered. */
export async function orderOverHttp2(server: Http2Server, sent = ''): Promise<[status: unknown, body: string]> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.close()
    server.close()
  })
  const stream = session.request({ ':method': 'POST', ':path': '/', 'idempotency-key': 'k' })
  stream.setEncoding('utf8').end(sent)
  const status = await new Promise((resolve) => stream.on('response', (head) => resolve(head[':status'])))
  let body = ''
  for await (const chunk of stream) body += chunk
  return [status, body]
}
