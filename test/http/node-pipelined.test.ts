import { once as event } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

const PART = 'x'.repeat(20_000)

/** Waits until its client has read the half, if Node says that it must. */
async function write(res: ServerResponse) {
  if (!res.write(PART)) await event(res, 'drain')
  res.end(PART)
}

it('a handler in a pipeline that waits for its client goes on when the client has left', async () => {
  const guard = idempotency(newOnce(), { scope: 'public' })
  const begun: ServerResponse[] = []
  const server = createServer((req, res) =>
    guard(req, res, () => {
      begun.push(res)
      // The first is never answered, so nothing of the second is sent.
      if (req.headers['idempotency-key'] !== 'first') void write(res)
    }),
  )
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('first')
  connection.post('second')
  await until(() => begun.length === 2)
  await connection.leave()
  let again = new Response()
  // 409 for as long as the handler is at work.
  await until(async () => {
    again = await order(url, 'second', { body: '{}' })
    return again.status !== 409
  })
  expect([again.headers.get('idempotency-replayed'), await again.text()]).toEqual(['true', PART + PART])
})
