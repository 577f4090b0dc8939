import { expect, it, onTestFinished } from 'vitest'
import { idempotentFetch, type QueuedCall, redeliver } from '../../src/client/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'

const POST = { method: 'POST', body: 'pay 42' }
const busy = () => new Response(null, { status: 429, headers: { 'retry-after': '60' } })

it('failback in memory waits for as long as every answer asks, and the random pause after it', async () => {
  const runtime = fakeRuntime()
  let calls = 0
  const answer = async () => (++calls < 3 ? busy() : new Response(null, { status: 201 }))
  const send = idempotentFetch(answer, { policy: 'failback', backoffMs: 20, maxBackoffMs: 20, runtime })
  onTestFinished(() => send.close())
  expect((await send('http://a.example', POST)).status).toBe(202)
  await runtime.advance(59_999)
  expect(calls).toBe(1)
  await runtime.advance(21)
  expect(calls).toBe(2)
  await runtime.advance(59_979)
  expect(calls).toBe(2)
  await runtime.advance(41)
  expect([calls, send.waiting]).toEqual([3, 0])
})

it('failback in memory keeps no call for longer than the server knows its key, whatever that asks for', async () => {
  const runtime = fakeRuntime()
  const dropped: string[] = []
  const later = async () => new Response(null, { status: 503, headers: { 'retry-after': '999999999' } })
  const send = idempotentFetch(later, {
    ...{ policy: 'failback', maxQueuedMs: 60_000, backoffMs: 20, maxBackoffMs: 20, runtime },
    onEvent: (event) => event.type === 'dropped' && dropped.push(event.reason),
  })
  onTestFinished(() => send.close())
  await send('http://a.example', POST)
  await runtime.advance(59_999)
  expect([send.waiting, dropped]).toEqual([1, []])
  await runtime.advance(1)
  expect([send.waiting, dropped]).toEqual([0, ['it was queued more than 60000 ms ago']])
})

it('redeliver tells the queue how long the server asks to be left alone', async () => {
  const calls: QueuedCall[] = []
  await idempotentFetch(async () => busy(), { policy: 'failback', queue: (call) => calls.push(call) })(
    'http://a.example',
    POST,
  )
  expect(await redeliver(async () => busy())(calls)).toEqual([{ ok: false, reason: 'HTTP 429', retryAfterMs: 60_000 }])
})
