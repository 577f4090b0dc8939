import { afterEach, describe, expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import type { Operation } from '../core/once.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { type AtomicInboxOptions, inbox } from './inbox.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
})

function shop(handle: AtomicInboxOptions<SqliteTx>['handle']) {
  const store = sqliteStore({ path: ':memory:' })
  const once = onlyonce({ store, scope: 'shop' })
  opened.push(once, store)
  return { once, receive: inbox({ once, name: 'coupons', delivers: 'exactly-once-effect', handle }) }
}

describe("a handler with delivers: 'exactly-once-effect' that runs longer than maxRunMs", () => {
  it.each([false, true])('is put aside after maxAttempts like any other (parked at the first: %s)', async (atOnce) => {
    let started = 0
    const maxAttempts = atOnce ? 1 : 3
    const store = sqliteStore({ path: ':memory:' })
    const once = onlyonce({ store, scope: 'shop', leaseMs: 300, maxRunMs: 300 })
    opened.push(once, store)
    const receive = inbox({
      ...{ once, name: 'coupons', delivers: 'exactly-once-effect', maxAttempts, backoffMs: 1, maxBackoffMs: 1 },
      handle() {
        started++
        return new Promise(() => {})
      },
    })
    for (let n = 1; n < maxAttempts; n++)
      expect(await receive(delivery({ redelivered: n > 1 }))).toMatchObject({ kind: 'retry' })
    for (let n = 0; n < 2; n++) {
      const verdict = await receive(delivery({ redelivered: !atOnce || n > 0 }))
      expect(verdict).toMatchObject({ kind: 'dead-letter', reason: expect.stringContaining('longer than maxRunMs') })
    }
    expect(started).toBe(maxAttempts)
  })
})

describe("a handler with delivers: 'exactly-once-effect' whose transaction the database refuses at COMMIT", () => {
  it('is put aside after maxAttempts like any other', async () => {
    let started = 0
    const store = sqliteStore({ path: ':memory:' })
    const once = onlyonce({ store, scope: 'shop' })
    opened.push(once, store)
    await store.transaction(async (tx) => {
      tx.exec('create table customers (id integer primary key)')
      tx.exec('create table coupons (customer references customers deferrable initially deferred)')
    })
    const receive = inbox({
      ...{ once, name: 'coupons', delivers: 'exactly-once-effect', maxAttempts: 3, backoffMs: 1, maxBackoffMs: 1 },
      handle(_, tx) {
        started++
        tx.exec('insert into coupons values (7)')
      },
    })
    const verdicts = []
    for (const redelivered of [false, true, true, true]) verdicts.push(await receive(delivery({ redelivered })))
    expect(verdicts.map(({ kind }) => kind)).toEqual(['retry', 'retry', 'dead-letter', 'dead-letter'])
    expect(verdicts[2]).toMatchObject({ reason: expect.stringContaining('FOREIGN KEY') })
    expect(started).toBe(3)
  })
})

describe("the operation of a handler with delivers: 'exactly-once-effect'", () => {
  // A redelivered message runs under the lock that counts starts, which has an operation of its own.
  it.each([false, true])('is the whole of it, also when redelivered is %s', async (redelivered) => {
    const seen: Operation[] = []
    const steps: unknown[] = []
    const { receive } = shop(async (_, __, op) => {
      seen.push(op)
      steps.push(await op.step('reserve', () => 42))
      expect(op.signal).toBeInstanceOf(AbortSignal)
      expect(op.signal.aborted).toBe(false)
    })
    expect(await receive(delivery({ redelivered }))).toEqual({ kind: 'ack' })
    expect(steps).toEqual([42])
    const [op] = seen as [Operation]
    expect([op.key, op.scope, op.attempt]).toEqual(['m1', 'shop/inbox/coupons', 1])
    expect(op.fence).toBeGreaterThan(0)
    expect(op.owner).toMatch(/./)
  })

  it('derives the same child keys on every start, and counts the starts', async () => {
    const seen: { readonly child: string; readonly starts: number }[] = []
    const { receive } = shop((_, __, op) => {
      seen.push({ child: op.child('mail'), starts: op.starts })
      if (seen.length < 3) throw new Error('no stock')
    })
    for (const redelivered of [false, true, true]) await receive(delivery({ redelivered }))
    expect(new Set(seen.map(({ child }) => child)).size).toBe(1)
    expect(seen.map(({ starts }) => starts)).toEqual([1, 2, 3])
  })

  it('has an operation that a start beside others of the same message shares with none', async () => {
    const { receive, once } = shop(() => undefined)
    const verdicts = await Promise.all([false, true, true].map((redelivered) => receive(delivery({ redelivered }))))
    expect(verdicts).toEqual([{ kind: 'ack' }, { kind: 'ack' }, { kind: 'ack' }])
    expect((await once.find({ key: 'm1', scope: 'shop/inbox/coupons' }))?.state).toBe('done')
  })
})
