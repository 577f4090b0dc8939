import { once as event } from 'node:events'
import { expect, it } from 'vitest'
import { proxyTo, until, upstreamOf } from './proxy-kit.ts'
import { rawConnection } from './raw-connection.ts'

const requests = {
  'that are not guarded': 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'of which the second is guarded': 'POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}',
}

it.each(Object.entries(requests))('requests in a pipeline %s are over when their client leaves', async (_, second) => {
  let answer = () => {}
  const upstream = await upstreamOf((req, res) => {
    req.resume()
    // A guarded request is not given up with its client.
    if (req.method === 'POST') answer = () => void res.end('made')
    if (upstream.seen.length > 2) res.end('made')
  })
  const { url, adminUrl } = await proxyTo(upstream.url, { admin: { port: 0 }, maxInFlight: 2 })
  const connection = rawConnection(url)
  connection.send(requests['that are not guarded'] + second)
  await until(() => upstream.seen.length === 2)
  const given = upstream.seen.filter(({ method }) => method === 'GET').map(({ socket }) => event(socket, 'close'))
  await connection.leave()
  await Promise.all(given)
  answer()
  await until(async () => (await (await fetch(`${adminUrl}/metrics`)).text()).includes('in_flight 0'), 4_000)
  expect((await fetch(url)).status).toBe(200)
})
