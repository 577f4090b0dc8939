import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/core/runtime.ts'
import { idempotency } from '../../src/http/fetch.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'
import { byHand, engine, request } from './fetch-kit.ts'

/** A handler that answers so late that its client was told 409. */
async function tooLate() {
  const runtime = fakeRuntime()
  const limits = { leaseMs: 100, maxRunMs: 150, storeTimeoutMs: 200 }
  const once = engine({ store: memoryStore({ runtime }), runtime, ...limits })
  let finish = (_: Response) => {}
  const finished = new Promise<Response>((resolve) => {
    finish = resolve
  })
  const handler = idempotency(once, { scope: 'public', onUnrecordable: () => {} })(() => finished)
  const first = handler(request('k'))
  await runtime.advance(limits.maxRunMs + limits.leaseMs)
  const answer = await first
  expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'conflict' }])
  return { runtime, finish }
}

describe('a stream of fetch that begins when the lease is lost', () => {
  it('is read to its end: its handler may be at work while it makes it', async () => {
    const { runtime, finish } = await tooLate()
    const effects: string[] = []
    async function* steps() {
      yield Buffer.from('half')
      await sleep(runtime, 10)
      effects.push('paid')
      yield Buffer.from('more')
      effects.push('shipped')
    }
    finish(new Response(ReadableStream.from(steps()) as ReadableStream<Uint8Array>))
    await runtime.advance(10)
    expect(effects).toEqual(['paid', 'shipped'])
  })

  it('is cancelled when it is longer than what is kept', async () => {
    const { runtime, finish } = await tooLate()
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel() {
        cancelled = true
      },
    })
    finish(new Response(endless))
    await runtime.advance(0)
    expect(cancelled).toBe(true)
  })

  it('is cancelled when it is silent for longer than an attempt may run', async () => {
    const { runtime, finish } = await tooLate()
    const hand = byHand()
    hand.write('half')
    finish(new Response(hand.stream))
    await runtime.advance(200)
    expect(hand.cancelled()).toBe(false)
    await runtime.advance(200 + 150)
    expect(hand.cancelled()).toBe(true)
  })

  it('of events is cancelled at once', async () => {
    const { runtime, finish } = await tooLate()
    const hand = byHand()
    finish(new Response(hand.stream, { headers: { 'content-type': 'text/event-stream' } }))
    await runtime.advance(0)
    expect(hand.cancelled()).toBe(true)
  })
})
