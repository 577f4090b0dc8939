import { describe, expect, it } from 'vitest'
import { abandon, bytes, delivery, setup } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { operationId } from '../core/key.ts'
import type { Operation } from '../core/once.ts'
import { sleep } from '../core/runtime.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { sqliteStore } from '../stores/sqlite/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { inbox, type LeasedInboxOptions, Unprocessable } from './inbox.ts'

/** Two inboxes over one store: today's, which only watches, and the one that will count. */
function rollOut(given: Partial<LeasedInboxOptions> = {}) {
  const world = setup({ mode: 'shadow', ...given })
  const { once, handled } = world
  const enforced = inbox({
    once,
    name: 'coupons',
    delivers: 'at-least-once',
    handle: ({ id }) => handled.push(`enforced ${id}`),
    ...(given.scope === undefined ? {} : { scope: given.scope }),
  })
  return { ...world, enforced }
}

describe('inbox in shadow mode', () => {
  it('hands every copy to the handler and tells of duplicates', async () => {
    const { receive, handled } = rollOut()
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    for (let i = 0; i < 2; i++)
      expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack', shadow: 'duplicate' })
    expect(handled).toEqual(['m1', 'm1', 'm1'])
  })

  it.each(['the release fails', 'the lease was lost'])('acknowledges what was handled although %s', async (how) => {
    const runtime = fakeRuntime()
    const store = memoryStore({ runtime })
    const lock = {
      ...store,
      release: async () => (how === 'the release fails' ? Promise.reject(new Error('down')) : ['lost' as const]),
    }
    const once = onlyonce({ store: lock, scope: 'shop', runtime })
    let handled = 0
    const receive = inbox({
      ...{ once, name: 'coupons', delivers: 'at-least-once', mode: 'shadow' },
      handle: () => void handled++,
    })
    const verdict = receive(delivery())
    await runtime.advance(60_000)
    expect(await verdict).toEqual({ kind: 'ack' })
    expect(handled).toBe(1)
  })

  it('tells of another body under the same id', async () => {
    const { receive, handled } = rollOut()
    await receive(delivery())
    expect(await receive(delivery({ body: bytes('else') }))).toEqual({ kind: 'ack', shadow: 'mismatch' })
    expect(handled).toEqual(['m1', 'm1'])
  })

  it('tells of what somebody else is handling, and of what nobody knows the end of', async () => {
    const world = rollOut()
    const { store, runtime, once, receive, handled } = world
    const other = onlyonce({ store, scope: 'shop', runtime })
    const handle = () => new Promise(() => {})
    void inbox({ once: other, name: 'coupons', delivers: 'at-least-once', handle })(delivery())
    await runtime.advance(1)
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack', shadow: 'in-flight' })
    await abandon(world, [delivery({ id: 'm2' })])
    await once.attempt({ key: 'm2', scope: 'shop/inbox/coupons', payload: delivery().body }, () => {}, {
      onAbandoned: 'hold',
    })
    expect(await receive(delivery({ id: 'm2', redelivered: true }))).toEqual({ kind: 'ack', shadow: 'unknown' })
    expect(handled).toEqual(['m1', 'm2'])
  })

  it('remembers for as long, and lets run for as long, as the inbox that will count', async () => {
    const runtime = fakeRuntime()
    const retentionMs = 9_000_000
    const slow = () => sleep(runtime, 1_200_000)
    const world = setup({ mode: 'shadow', retentionMs, maxRunMs: 1_800_000, handle: slow }, runtime)
    const verdict = world.receive(delivery())
    await runtime.advance(1_200_000)
    // The engine's own limit is 15 minutes, and its retention a day.
    expect(await verdict).toEqual({ kind: 'ack' })
    const [record] = await world.store.find([operationId('shop/inbox/coupons', 'm1')])
    expect(record?.retainUntil).toBe(runtime.now() + retentionMs)
  })

  it('asks for what fails again at growing pauses', async () => {
    const runtime = fakeRuntime()
    const handle = () => {
      throw new Error('down')
    }
    const { receive } = setup({ mode: 'shadow', backoffMs: 100, maxBackoffMs: 100_000, handle }, runtime)
    const delays: number[] = []
    for (let n = 0; n < 12; n++) {
      const verdict = await receive(delivery({ redelivered: n > 0 }))
      if (verdict.kind === 'retry') delays.push(verdict.delayMs)
    }
    expect(delays).toHaveLength(12)
    expect(Math.max(...delays.slice(6))).toBeGreaterThan(100)
  })

  it('tells of what is too old to know', async () => {
    const { receive, runtime, handled } = rollOut({ retentionMs: 60_000 })
    const old = delivery({ publishedAt: runtime.now() - 60_001 })
    expect(await receive(old)).toEqual({ kind: 'ack', shadow: 'late' })
    expect(handled).toEqual(['m1'])
  })

  it('leaves nothing to be handled again on the day of enforcement', async () => {
    const scope = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) => headers.tenant ?? 'none'
    const { receive, enforced, handled } = rollOut({ scope })
    const a = delivery({ headers: { tenant: 'a' } })
    const b = delivery({ headers: { tenant: 'b' } })
    await receive(a)
    expect(await enforced({ ...a, redelivered: true })).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
    await enforced(b)
    expect(handled).toEqual(['m1', 'enforced m1'])
  })

  it('remembers nothing of what failed', async () => {
    let broken = true
    const handle = () => {
      if (broken) throw new Error('no stock')
    }
    const { receive, enforced, handled } = rollOut({ handle })
    expect(await receive(delivery())).toMatchObject({ kind: 'retry', reason: 'no stock' })
    await enforced(delivery({ redelivered: true }))
    expect(handled).toEqual(['enforced m1'])
    broken = false
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack', shadow: 'duplicate' })
  })

  it('puts aside what is unprocessable and what has no key', async () => {
    const { receive, handled } = rollOut({
      handle: () => {
        throw new Unprocessable('no such customer')
      },
    })
    expect(await receive(delivery())).toEqual({ kind: 'dead-letter', reason: 'no such customer' })
    expect((await receive(delivery({ id: '' }))).kind).toBe('dead-letter')
    expect(handled).toEqual([])
  })

  it('handles while the store is down', async () => {
    const { receive, store, runtime, handled } = rollOut()
    const down = () => Promise.reject(new Error('connection refused'))
    Object.assign(store, { claim: down, find: down, complete: down, release: down })
    const verdict = receive(delivery())
    await runtime.advance(60_000)
    expect(await verdict).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('gives the handler the operation that will count', async () => {
    const seen: Operation[] = []
    const handle: LeasedInboxOptions['handle'] = (_, op) => void seen.push(op)
    const { receive, once } = rollOut({ handle })
    await receive(delivery())
    await receive(delivery({ redelivered: true }))
    await inbox({ once, name: 'coupons', delivers: 'at-least-once', handle })(delivery({ id: 'm2' }))
    const [first, copy, other] = seen as [Operation, Operation, Operation]
    expect([first.key, first.scope]).toEqual(['m1', 'shop/inbox/coupons'])
    expect(copy.child('mail')).toBe(first.child('mail'))
    expect(other.child('mail')).not.toBe(first.child('mail'))
    expect(first.signal.aborted).toBe(false)
    expect(await inbox({ once, name: 'coupons', delivers: 'at-least-once', handle }).readmit('m1')).toBe(true)
    await inbox({ once, name: 'coupons', delivers: 'at-least-once', handle })(delivery({ redelivered: true }))
    expect(seen[3]?.child('mail')).toBe(first.child('mail'))
  })

  it('keeps the message from others while the handler runs, and says nothing of one that was given away', async () => {
    const asked: number[] = []
    const { receive, runtime } = rollOut({
      visibilityMs: 3_000,
      handle: () => new Promise<void>((resolve) => void runtime.after(10_000, resolve)),
    })
    const extend = async (ms: number) => (asked.push(ms) < 2 ? ('ok' as const) : ('lost' as const))
    const verdict = receive(delivery({ extend }))
    await runtime.advance(11_000)
    expect((await verdict).kind).toBe('none')
    expect(asked).toEqual([3_000, 3_000])
    expect(runtime.pending).toBe(0)
  })

  it('commits what an atomic handler wrote, and undoes it when it throws', async () => {
    const store = sqliteStore({ path: ':memory:' })
    const once = onlyonce({ store, scope: 'shop' })
    await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
    const receive = inbox({
      once,
      name: 'coupons',
      delivers: 'exactly-once-effect',
      mode: 'shadow',
      handle: (message, tx) => {
        tx.prepare('INSERT INTO effects (id) VALUES (?)').run(message.id)
        if (message.id === 'bad') throw new Error('no stock')
      },
    })
    await receive(delivery())
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack', shadow: 'duplicate' })
    expect((await receive(delivery({ id: 'bad' }))).kind).toBe('retry')
    const rows = await store.transaction(async (tx) => tx.prepare('SELECT id FROM effects').all())
    expect(rows).toEqual([{ id: 'm1' }, { id: 'm1' }])
    await store[Symbol.asyncDispose]()
  })
})
