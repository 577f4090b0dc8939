import { once as event } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Duplex, PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { tunnel } from './upgrade.ts'
import type { Upstream } from './upstream.ts'

/** A client that takes its next chunk when the test says so, and an upstream that ends at once. */
async function ended() {
  const heard: string[] = []
  let take = () => {}
  const client = new Duplex({
    read() {},
    write(chunk, _, done) {
      heard.push(String(chunk))
      take = done
    },
  })
  const asked = new PassThrough()
  const other = new Duplex({ allowHalfOpen: false, read() {}, write: (_chunk, _, done) => done() })
  const runtime = fakeRuntime()
  const upstream = { timeoutMs: 1_000, ask: () => asked } as unknown as Upstream
  tunnel({} as IncomingMessage, client, Buffer.alloc(0), { upstream, runtime, target: '/' })
  const answer = { statusCode: 101, statusMessage: 'Switching Protocols', rawHeaders: [], headers: {} }
  asked.emit('upgrade', answer, other, Buffer.alloc(0))
  other.push('the last words')
  other.push(null)
  await event(other, 'close')
  return { client, heard, runtime, take: () => take() }
}

it('gives a slow client the last words of an upstream that has ended', async () => {
  const { client, heard, take } = await ended()
  take()
  expect(heard).toEqual([expect.stringContaining('101'), 'the last words'])
  take()
  client.push(null)
  await event(client, 'close')
})

it('waits for a client that never reads no longer than for an upstream', async () => {
  const { client, runtime } = await ended()
  expect(client.destroyed).toBe(false)
  await runtime.advance(1_001)
  expect(client.destroyed).toBe(true)
})
