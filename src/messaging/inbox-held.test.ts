import { describe, expect, it } from 'vitest'
import { delivery, setup } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import type { memoryStore } from '../stores/memory/index.ts'
import { type FakeRuntime, fakeRuntime } from '../testing/fake-runtime.ts'
import { inbox } from './inbox.ts'

describe('inbox, for how long a delivery is kept', () => {
  describe('while somebody else handles the message', () => {
    it('holds 50 duplicates and acks them all when it is done', async () => {
      const runtime = fakeRuntime()
      const { receive, again, handled, store } = setup({}, runtime)
      const owner = onlyonce({ store, scope: 'shop', runtime })
      const slow = inbox({
        once: owner,
        name: 'coupons',
        delivers: 'at-least-once',
        handle: () => new Promise<void>((resolve) => void runtime.after(60_000, resolve)),
      })
      const first = slow(delivery())
      await runtime.advance(10)
      const duplicates = Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? receive : again())(delivery({ redelivered: true })),
      )
      await runtime.advance(62_000)
      expect(await first).toEqual({ kind: 'ack' })
      expect(new Set((await Promise.all(duplicates)).map(({ kind }) => kind))).toEqual(new Set(['ack']))
      expect(handled).toEqual([])
    })

    it('gives it back after holdMs, and that does not count as a start', async () => {
      const runtime = fakeRuntime()
      const { receive, store } = setup({ holdMs: 5_000, maxAttempts: 1 }, runtime)
      const [lease] = await claimed(store, runtime)
      for (let i = 0; i < 3; i++) {
        const held = receive(delivery({ redelivered: true }))
        await runtime.advance(5_001)
        expect((await held).kind).toBe('retry')
      }
      await store.release([lease])
      expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    })

    it('keeps extending, and says nothing once the broker gave it away', async () => {
      const runtime = fakeRuntime()
      const { receive, store } = setup({ visibilityMs: 3_000 }, runtime)
      await claimed(store, runtime)
      const asked: number[] = []
      const extend = async (ms: number) => (asked.push(ms) < 4 ? 'ok' : 'lost')
      const held = receive(delivery({ redelivered: true, extend }))
      await runtime.advance(4_100)
      expect(await held).toMatchObject({ kind: 'none' })
      expect(asked).toEqual([3_000, 3_000, 3_000, 3_000])
    })

    it.each([false, true])('gives it back at once when the consumer stops (redelivered: %s)', async (redelivered) => {
      const runtime = fakeRuntime()
      const { receive, store, handled } = setup({}, runtime)
      const [lease] = await claimed(store, runtime)
      const stopping = new AbortController()
      const held = receive(delivery({ redelivered }), stopping.signal)
      await runtime.advance(100)
      stopping.abort()
      expect(await held).toEqual({ kind: 'retry', delayMs: 0, reason: expect.any(String) })
      // The engine call that was left waiting must not begin it any more.
      await store.release([lease])
      await runtime.advance(10_000)
      expect(handled).toEqual([])
      const begun = new AbortController()
      begun.abort()
      expect((await receive(delivery({ id: 'm2' }), begun.signal)).kind).toBe('retry')
      expect(handled).toEqual([])
    })

    async function claimed(store: ReturnType<typeof memoryStore>, runtime: FakeRuntime) {
      const once = onlyonce({ store, scope: 'shop', runtime })
      // The very operation that the inbox claims, held by an owner that never renews.
      const probe = inbox({
        once,
        name: 'coupons',
        delivers: 'at-least-once',
        handle: () => new Promise(() => {}),
        leaseMs: 90_000,
      })
      void probe(delivery())
      await runtime.advance(1)
      const { items } = await store.list({ limit: 1 })
      return items.map(({ id, owner, fence }) => ({ id, owner, fence })) as [
        { id: string; owner: string; fence: number },
      ]
    }
  })

  it('extends while the handler runs, and after a loss lets it finish but says nothing', async () => {
    const runtime = fakeRuntime()
    let finished = false
    const { receive } = setup(
      {
        visibilityMs: 3_000,
        handle: () =>
          new Promise<void>((resolve) => {
            runtime.after(10_000, () => {
              finished = true
              resolve()
            })
          }),
      },
      runtime,
    )
    let extended = 0
    const extend = async () => (++extended < 3 ? ('ok' as const) : ('lost' as const))
    const verdict = receive(delivery({ extend })).finally(() => expect(finished).toBe(true))
    await runtime.advance(11_000)
    expect(await verdict).toMatchObject({ kind: 'none' })
    expect(extended).toBe(3)
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
  })

  it('stops asking for more time when the work is over, and survives an extend that throws or hangs', async () => {
    const runtime = fakeRuntime()
    const handle = () => new Promise<void>((resolve) => void runtime.after(10_000, resolve))
    const { receive } = setup({ visibilityMs: 3_000, handle }, runtime)
    let asked = 0
    const extend = () => {
      asked++
      if (asked === 1) throw new Error('broker gone')
      if (asked === 2) return new Promise<never>(() => {})
      return Promise.resolve('ok' as const)
    }
    const verdict = receive(delivery({ extend }))
    await runtime.advance(10_100)
    expect(await verdict).toEqual({ kind: 'ack' })
    const before = asked
    expect(before).toBeGreaterThan(3)
    await runtime.advance(30_000)
    expect(asked).toBe(before)
    expect(runtime.pending).toBe(0)
  })
})
