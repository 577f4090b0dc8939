import { describe, expect, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { type FakeRuntime, fakeRuntime } from '../testing/fake-runtime.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { inbox, type LeasedInboxOptions, Unprocessable } from './inbox.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

const delivery = (given: Partial<Delivery> = {}): Delivery => ({
  id: 'm1',
  source: 'orders',
  body: bytes('{"cents":100}'),
  headers: {},
  redelivered: false,
  ...given,
})

function setup(given: Partial<LeasedInboxOptions> = {}, runtime: FakeRuntime = fakeRuntime()) {
  const store = memoryStore({ runtime })
  const once = onlyonce({ store, scope: 'shop', runtime })
  const handled: string[] = []
  const options: LeasedInboxOptions = {
    once,
    name: 'coupons',
    delivers: 'at-least-once',
    handle: (message) => void handled.push(message.id),
    ...given,
  }
  return { runtime, store, once, handled, receive: inbox(options), again: () => inbox(options) }
}

describe('inbox', () => {
  it('runs the handler once and acks every delivery', async () => {
    const { receive, handled } = setup()
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('lets another consumer handle the same message', async () => {
    const handled: string[] = []
    const { once, receive } = setup({ handle: () => handled.push('coupons') })
    const other = inbox({ once, name: 'mails', delivers: 'at-least-once', handle: () => handled.push('mails') })
    await receive(delivery())
    await other(delivery())
    expect(handled).toEqual(['coupons', 'mails'])
  })

  it('dead-letters another body under the same id and leaves the first alone', async () => {
    const { receive, handled } = setup()
    await receive(delivery())
    const verdict = await receive(delivery({ body: bytes('{"cents":999}') }))
    expect(verdict).toEqual({ kind: 'dead-letter', reason: expect.stringContaining('"m1"') })
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('names the operation by key and fingerprint when they are given', async () => {
    const { receive, handled } = setup({ key: ({ headers }) => headers.order ?? '', fingerprint: () => 'same' })
    await receive(delivery({ headers: { order: 'o1' } }))
    await receive(delivery({ id: 'm2', headers: { order: 'o1' }, body: bytes('else') }))
    expect(handled).toEqual(['m1'])
  })

  it('retries with a growing, jittered pause and parks after maxAttempts starts, for ever', async () => {
    let starts = 0
    const fail = () => {
      starts++
      throw new Error(`no stock ${starts}`)
    }
    const { receive } = setup({ handle: fail, maxAttempts: 3, backoffMs: 100 })
    const verdicts: Verdict[] = []
    for (let i = 0; i < 5; i++) verdicts.push(await receive(delivery({ redelivered: i > 0 })))
    expect(verdicts.map(({ kind }) => kind)).toEqual(['retry', 'retry', 'dead-letter', 'dead-letter', 'dead-letter'])
    expect(verdicts[4]).toEqual({ kind: 'dead-letter', reason: 'no stock 3' })
    expect(starts).toBe(3)
    for (const [index, verdict] of verdicts.slice(0, 2).entries()) {
      if (verdict.kind !== 'retry') throw new Error('not a retry')
      expect(verdict.delayMs).toBeLessThanOrEqual(100 * 2 ** index)
      expect(verdict.reason).toBe(`no stock ${index + 1}`)
    }
  })

  it('dead-letters at once what the handler calls unprocessable, and remembers it', async () => {
    let starts = 0
    const refuse = () => {
      starts++
      throw new Unprocessable('no such customer')
    }
    const { receive } = setup({ handle: refuse })
    const parked = { kind: 'dead-letter', reason: 'no such customer' }
    expect(await receive(delivery())).toEqual(parked)
    expect(await receive(delivery({ redelivered: true }))).toEqual(parked)
    expect(starts).toBe(1)
  })

  it('handles a parked message again after readmit', async () => {
    let broken = true
    const handle = () => {
      if (broken) throw new Unprocessable('no such customer')
    }
    const { receive } = setup({ handle })
    await receive(delivery())
    broken = false
    expect(await receive.readmit('m1')).toBe(true)
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(await receive.readmit('never seen')).toBe(false)
  })

  it.each([
    ['a key function that throws', { key: () => JSON.parse('{') }, {}],
    ['an empty id', {}, { id: '' }],
    ['a key longer than allowed', {}, { id: 'x'.repeat(256) }],
    ['a key built from nothing', {}, { id: `order:${undefined}` }],
    ['a fingerprint that is none', { fingerprint: () => '' }, {}],
  ])('dead-letters %s without calling the handler', async (_, options, given) => {
    const { receive, handled } = setup(options)
    const verdict = await receive(delivery(given))
    expect(verdict.kind).toBe('dead-letter')
    expect(handled).toEqual([])
  })

  it('dead-letters what is no message, and a body that is no JSON at once', async () => {
    const { receive } = setup({ handle: (message) => message.json() })
    expect((await receive(undefined as unknown as Delivery)).kind).toBe('dead-letter')
    expect(await receive(delivery({ body: bytes('{') }))).toMatchObject({
      kind: 'dead-letter',
      reason: expect.stringContaining('not JSON'),
    })
    expect((await receive(delivery({ id: 'm2', body: Uint8Array.of(0xff) }))).kind).toBe('dead-letter')
  })

  it('does not store what the handler returns', async () => {
    const { receive } = setup({ handle: () => () => 'a function cannot be stored' })
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
  })

  it('parks a message that keeps taking the process down, after maxAttempts starts', async () => {
    const { again, runtime, store } = setup({ maxAttempts: 3, leaseMs: 3_000, holdMs: 1 })
    // A process that dies leaves a claim behind that nobody settles.
    let starts = 0
    for (; starts < 20; starts++) {
      const dying = onlyonce({ store, scope: 'shop', runtime, leaseMs: 3_000 })
      const verdict = Promise.race([
        inbox({
          once: dying,
          name: 'coupons',
          delivers: 'at-least-once',
          maxAttempts: 3,
          maxRunMs: 3_000,
          handle: () => new Promise(() => {}),
        })(delivery({ redelivered: starts > 0 })),
        new Promise<'died'>((resolve) => runtime.after(5_000, () => resolve('died'))),
      ])
      await runtime.advance(5_000)
      if ((await verdict) !== 'died') break
    }
    expect(starts).toBe(3)
    const parked = await again()(delivery({ redelivered: true }))
    expect(parked).toMatchObject({ kind: 'dead-letter', reason: expect.stringContaining('3 times') })
  })

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

  it('retries when the store is down, however often, and never parks for it', async () => {
    const { receive, store, runtime, handled } = setup({ maxAttempts: 2 })
    const { claim } = store
    store.claim = () => Promise.reject(new Error('connection refused'))
    for (let i = 0; i < 5; i++) {
      const verdict = receive(delivery({ redelivered: i > 0 }))
      await runtime.advance(10_000)
      expect(await verdict).toMatchObject({ kind: 'retry', reason: expect.stringContaining('connection refused') })
    }
    store.claim = claim
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('never acks when the result could not be confirmed', async () => {
    const { receive, store, runtime, handled } = setup({ leaseMs: 3_000 })
    const { complete } = store
    store.complete = () => Promise.reject(new Error('connection reset'))
    const verdict = receive(delivery())
    await runtime.advance(30_000)
    expect((await verdict).kind).toBe('retry')
    store.complete = complete
    expect(handled).toEqual(['m1'])
  })

  it('retries after close and when an operation is held for a decision it dead-letters', async () => {
    const { receive, once, runtime, again } = setup({ onAbandoned: 'hold', leaseMs: 3_000 })
    const dying = onlyonce({ store: once.store, scope: 'shop', runtime, leaseMs: 3_000, maxRunMs: 3_000 })
    void inbox({ once: dying, name: 'coupons', delivers: 'at-least-once', handle: () => new Promise(() => {}) })(
      delivery(),
    )
    await runtime.advance(10_000)
    expect(await receive(delivery({ redelivered: true }))).toMatchObject({
      kind: 'dead-letter',
      reason: expect.stringContaining('unknown'),
    })
    await once.close()
    expect((await again()(delivery({ id: 'm2' }))).kind).toBe('retry')
  })

  describe('for messages whose last start nobody saw end', () => {
    const names = ['s1', 's2', 's3']

    /** All of them were begun by a process that died. */
    async function afterCrash(runtime: FakeRuntime, given: Partial<LeasedInboxOptions> = {}) {
      const world = setup({ leaseMs: 3_000, ...given }, runtime)
      const dying = onlyonce({ store: world.store, scope: 'shop', runtime, leaseMs: 3_000, maxRunMs: 3_000 })
      const died = inbox({
        once: dying,
        name: 'coupons',
        delivers: 'at-least-once',
        handle: () => new Promise(() => {}),
      })
      for (const id of names) void died(delivery({ id }))
      await runtime.advance(10_000)
      return world
    }

    it('runs them one at a time, beside the others', async () => {
      const runtime = fakeRuntime()
      const now = new Set<string>()
      const together: string[] = []
      const handle = ({ id }: { id: string }) =>
        new Promise<void>((resolve) => {
          now.add(id)
          together.push([...now].sort().join(' '))
          runtime.after(100, () => {
            now.delete(id)
            resolve()
          })
        })
      const { receive } = await afterCrash(runtime, { handle })
      const suspects = names.map((id) => receive(delivery({ id, redelivered: true })))
      const other = receive(delivery({ id: 'new' }))
      await runtime.advance(1_000)
      for (const verdict of [...(await Promise.all(suspects)), await other]) expect(verdict).toEqual({ kind: 'ack' })
      expect(together).toContain('new s1')
      expect(together.filter((set) => /s\d .*s\d/.test(set))).toEqual([])
      expect(together).toHaveLength(4)
    })

    it('lets none of them stand behind one that an owner elsewhere is running', async () => {
      const runtime = fakeRuntime()
      const { receive, store, handled } = await afterCrash(runtime)
      const owner = onlyonce({ store, scope: 'shop', runtime })
      const slow = () => new Promise<void>((resolve) => void runtime.after(60_000, resolve))
      const elsewhere = inbox({ once: owner, name: 'coupons', delivers: 'at-least-once', handle: slow })
      const running = elsewhere(delivery({ id: 's1', redelivered: true }))
      await runtime.advance(10)
      const held = receive(delivery({ id: 's1', redelivered: true }))
      const free = receive(delivery({ id: 's2', redelivered: true }))
      await runtime.advance(2_000)
      expect(handled).toEqual(['s2'])
      await runtime.advance(60_000)
      expect(await Promise.all([running, held, free])).toEqual([{ kind: 'ack' }, { kind: 'ack' }, { kind: 'ack' }])
      expect(handled).toEqual(['s2'])
    })
  })
})
