import { describe, expect, it } from 'vitest'
import { gate } from '../../test/engine-kit.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { type FaultPlan, faultyStore } from '../testing/faulty-store.ts'
import { onlyonce } from './engine.ts'
import { OnlyonceError } from './errors.ts'
import type { OnceEvent } from './events.ts'
import type { BatchEffect, Operation } from './once.ts'
import type { EngineOptions } from './options.ts'

async function setup(given: Partial<EngineOptions> = {}, plan: FaultPlan = {}) {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: ':memory:', runtime })
  await store.transaction(async (tx) => tx.exec('create table effects (key text)'))
  const events: OnceEvent[] = []
  const once = onlyonce({
    store: faultyStore(store, plan, { runtime }),
    scope: 'test',
    leaseMs: 3_000,
    storeTimeoutMs: 1_000,
    runtime,
    ...(given as object),
  })
  once.on((event) => events.push(event))
  const effects = () =>
    store.transaction(async (tx) =>
      (tx.prepare('select key from effects order by rowid').all() as { key: string }[]).map(({ key }) => key),
    )
  return { runtime, store, once, events, effects }
}

const insertAll: BatchEffect<SqliteTx> = (tx, ops) => {
  for (const op of ops) if (op !== undefined) tx.prepare('insert into effects values (?)').run(op.key)
}
const kinds = (outcomes: readonly { readonly kind: string }[]) => outcomes.map(({ kind }) => kind)
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (OnlyonceError.is(error) ? error.code : error),
  )

describe('once.atomic.batch', () => {
  it('runs one effect for all that are granted, in their order, and remembers each of them', async () => {
    const { once, effects, events } = await setup()
    const seen: (readonly (Operation | undefined)[])[] = []
    const effect: BatchEffect<SqliteTx> = (tx, ops) => {
      seen.push(ops)
      return insertAll(tx, ops)
    }
    await once.atomic('b', () => 'before')
    const outcomes = await once.atomic.batch(['c', 'b', 'a'], effect)
    expect(outcomes).toEqual([
      { kind: 'executed', value: undefined, attempt: 1, fence: expect.any(Number) },
      { kind: 'replayed', value: 'before' },
      { kind: 'executed', value: undefined, attempt: 1, fence: expect.any(Number) },
    ])
    expect(seen.map((ops) => ops.map((op) => op?.key))).toEqual([['c', undefined, 'a']])
    expect(await effects()).toEqual(['c', 'a'])
    expect(events.filter(({ type }) => type === 'replayed')).toEqual([
      { type: 'replayed', scope: 'test', key: 'b', result: 'value', joined: false },
    ])
    expect(events.filter(({ type }) => type === 'executed' || type === 'replayed').map(({ key }) => key)).toEqual([
      ...['b', 'c', 'b', 'a'],
    ])
    expect(kinds(await once.atomic.batch(['a', 'b', 'c'], effect))).toEqual(['replayed', 'replayed', 'replayed'])
    expect(seen).toHaveLength(1)
  })

  it('tells apart what is asked for twice in one batch, by its payload', async () => {
    const { once, effects, events } = await setup()
    const asked = [1, 1, 2].map((payload) => ({ key: 'a', payload }))
    expect(kinds(await once.atomic.batch(asked, insertAll))).toEqual(['executed', 'replayed', 'mismatch'])
    expect(await effects()).toEqual(['a'])
    // Of two copies of which the first is not the bound one, the second may be: it has to be asked for again.
    const [, one, two] = asked as [unknown, { key: string; payload: number }, { key: string; payload: number }]
    expect(kinds(await once.atomic.batch([two, one], insertAll))).toEqual(['mismatch', 'undone'])
    expect(events.filter(({ type }) => type === 'mismatch')).toEqual([{ type: 'mismatch', scope: 'test', key: 'a' }])
  })

  it('undoes everything when the effect throws, and blames all that it was handed', async () => {
    const { once, effects, events } = await setup()
    await once.atomic('done', () => {})
    const thrown = new Error('no stock')
    const outcomes = await once.atomic.batch(['a', 'done', 'b', 'a'], (tx, ops) => {
      void insertAll(tx, ops)
      throw thrown
    })
    expect(outcomes).toEqual([
      { kind: 'failed', error: thrown, replayed: false },
      { kind: 'undone' },
      { kind: 'failed', error: thrown, replayed: false },
      { kind: 'undone' },
    ])
    expect([await effects(), await once.find('a'), await once.find('b')]).toEqual([[], undefined, undefined])
    expect(events.filter(({ type }) => type === 'failed').map(({ key }) => key)).toEqual(['a', 'b'])
    expect(kinds(await once.atomic.batch(['a', 'b'], insertAll))).toEqual(['executed', 'executed'])
  })

  it('does not begin when one of them is in flight', async () => {
    const { once, effects, runtime, events } = await setup()
    const held = gate<void>()
    const holding = once.attempt('b', held.effect)
    await runtime.advance(1)
    const outcomes = await once.atomic.batch(['a', 'b', 'c'], insertAll)
    expect(outcomes).toEqual([
      { kind: 'undone' },
      { kind: 'in-flight', retryAfterMs: expect.any(Number) },
      { kind: 'undone' },
    ])
    expect([await effects(), await once.find('a')]).toEqual([[], undefined])
    expect(events.filter(({ type }) => type === 'in-flight')).toEqual([
      { type: 'in-flight', scope: 'test', key: 'b', retryAfterMs: expect.any(Number) },
    ])
    held.started[0]?.resolve()
    await holding
    expect(kinds(await once.atomic.batch(['a', 'b', 'c'], insertAll))).toEqual(['executed', 'replayed', 'executed'])
  })

  it.each(['hold', 'retry'] as const)('asks the policy %s about one that was abandoned', async (onAbandoned) => {
    const { store, once, runtime, effects } = await setup()
    const dead = onlyonce({ store, scope: 'test', leaseMs: 3_000, maxRunMs: 3_000, runtime })
    void dead.attempt('left', () => new Promise(() => {})).catch(() => {})
    await runtime.advance(20_000)
    const outcomes = await once.atomic.batch(['left', 'a'], insertAll, { onAbandoned })
    expect(kinds(outcomes)).toEqual([onAbandoned === 'hold' ? 'unknown' : 'executed', 'executed'])
    expect(await effects()).toEqual(onAbandoned === 'hold' ? ['a'] : ['left', 'a'])
    expect((await once.find('left'))?.state).toBe(onAbandoned === 'hold' ? 'unknown' : 'done')
  })

  it('answers with what the policy knows of one that was abandoned, and does not run it', async () => {
    const { store, once, runtime, effects } = await setup()
    const dead = onlyonce({ store, scope: 'test', leaseMs: 3_000, maxRunMs: 3_000, runtime })
    void dead.attempt('left', () => new Promise(() => {})).catch(() => {})
    await runtime.advance(20_000)
    const onAbandoned = () => ({ happened: true, value: 'seen' }) as const
    const outcomes = await once.atomic.batch(['left', 'a'], insertAll, { onAbandoned })
    expect(outcomes[0]).toEqual({ kind: 'replayed', value: 'seen' })
    expect([kinds(outcomes), await effects()]).toEqual([['replayed', 'executed'], ['a']])
  })

  it('leaves an effect behind that runs longer than maxRunMs, and undoes it', async () => {
    const { once, effects, runtime } = await setup()
    let signal: AbortSignal | undefined
    await once.atomic('done', () => {})
    const batch = once.atomic.batch(
      ['done', 'a', 'b'],
      (tx, ops) => {
        void insertAll(tx, ops)
        signal = ops[2]?.signal
        return new Promise(() => {})
      },
      { maxRunMs: 5_000 },
    )
    const code = codeOf(batch)
    await runtime.advance(5_001)
    expect([await code, signal?.aborted, await effects()]).toEqual(['LEASE_LOST', true, []])
  })

  it('of an effect that uses up the retention starts that anew, beside one that is done already', async () => {
    const { once, store, runtime, effects } = await setup({ leaseMs: 1_000, retentionMs: 5_000 })
    await once.atomic('done', () => 'before')
    const outcomes = await once.atomic.batch(['done', 'slow'], async (tx, ops) => {
      await runtime.advance(3_000)
      return insertAll(tx, ops)
    })
    expect(outcomes.map(({ kind }) => kind)).toEqual(['replayed', 'executed'])
    expect(await effects()).toEqual(['slow'])
    const { items } = await store.list({ limit: 5 })
    const left = items.map(({ key, retainUntil, readAt }) => [key, retainUntil - readAt])
    expect(Object.fromEntries(left)).toEqual({ done: 2_000, slow: 5_000 })
  })

  it('is waited for by close, and refused after it', async () => {
    const { once, effects } = await setup()
    const slow = gate<void>()
    const batch = once.atomic.batch(['a'], async (tx, ops) => {
      await slow.effect()
      return insertAll(tx, ops)
    })
    let closed = false
    const closing = once.close().then(() => {
      closed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(closed).toBe(false)
    slow.started[0]?.resolve()
    await Promise.all([batch, closing])
    expect(await effects()).toEqual(['a'])
    expect(await codeOf(once.atomic.batch(['b'], insertAll))).toBe('CLOSED')
  })

  it('refuses what it cannot keep, before anything is done', async () => {
    const { once, effects } = await setup()
    const batch = (...given: unknown[]) =>
      codeOf((once.atomic.batch as (...all: unknown[]) => Promise<unknown>)(...given))
    expect(await batch(['a'], insertAll, { onThrow: 'remember' })).toBe('OPTION_INVALID')
    expect(await batch(['a'], insertAll, { leaseMs: 0 })).toBe('OPTION_INVALID')
    expect(await batch('a', insertAll)).toBe('OPTION_INVALID')
    await expect(once.atomic.batch('a' as never, insertAll)).rejects.toThrow('option `keys` must be a list of keys')
    await expect(once.atomic.batch(['a'], insertAll, { waitMs: 1 } as never)).rejects.toThrow(
      'option `waitMs` cannot be kept for a batch; there are leaseMs, maxRunMs, retentionMs, onAbandoned',
    )
    expect(await batch(['a'], 'no function')).toBe('OPTION_INVALID')
    expect(await batch(['a', ''], insertAll)).toBe('KEY_MISSING')
    expect(await once.atomic.batch([], insertAll)).toEqual([])
    expect([await effects(), await once.find('a')]).toEqual([[], undefined])
  })
})

describe('the commit of a batch', () => {
  it('whose answer was lost is found to have happened, by one record for all', async () => {
    const { once, effects, store } = await setup({}, { transaction: { 1: { kind: 'lose-reply' } } })
    expect(kinds(await once.atomic.batch(['a', 'b', 'a'], insertAll))).toEqual(['executed', 'executed', 'replayed'])
    expect(await effects()).toEqual(['a', 'b'])
    expect((await store.list({ limit: 10 })).items).toHaveLength(2)
  })

  it('is found to have happened by a record that it wrote, whatever else was in the batch', async () => {
    const lost = { kind: 'lose-reply' } as const
    const { once, effects } = await setup({}, { transaction: { 2: lost, 3: lost, 4: lost } })
    await once.atomic({ key: 'done', payload: 1 }, () => {})
    const done = { key: 'done', payload: 1 }
    const other = { key: 'done', payload: 2 }
    expect(kinds(await once.atomic.batch([done, 'a'], insertAll))).toEqual(['replayed', 'executed'])
    expect(kinds(await once.atomic.batch([other, 'b'], insertAll))).toEqual(['mismatch', 'executed'])
    expect(await effects()).toEqual(['a', 'b'])
  })

  it.each([1, 2])('of nothing new, whose answer was lost, stands as it was read (payload %i)', async (payload) => {
    const { once, events } = await setup({}, { transaction: { 2: { kind: 'lose-reply' } } })
    await once.atomic({ key: 'done', payload: 1 }, () => {})
    const asked = [{ key: 'done', payload }]
    expect(kinds(await once.atomic.batch(asked, insertAll))).toEqual([payload === 1 ? 'replayed' : 'mismatch'])
    expect(events.some(({ type }) => type === 'store-failed')).toBe(false)
    expect(kinds(await once.atomic.batch(asked, insertAll))).toEqual([payload === 1 ? 'replayed' : 'mismatch'])
  })

  it('that did not happen is STORE_UNAVAILABLE, and may be asked for again', async () => {
    const { once, effects } = await setup({}, { transaction: { 1: { kind: 'lose-request' } } })
    expect(await codeOf(once.atomic.batch(['a', 'b'], insertAll))).toBe('STORE_UNAVAILABLE')
    expect(kinds(await once.atomic.batch(['a', 'b'], insertAll))).toEqual(['executed', 'executed'])
    expect(await effects()).toEqual(['a', 'b'])
  })

  it('that failed at the very end has left nothing', async () => {
    const { store, effects, runtime } = await setup()
    const transaction = store.transaction.bind(store)
    const broken: typeof transaction = (work) =>
      transaction(async (tx) => {
        await work(tx)
        throw new Error('disk full at commit')
      })
    const once = onlyonce({ store: { ...store, transaction: broken }, scope: 'test', runtime })
    expect(await codeOf(once.atomic.batch(['a', 'b'], insertAll))).toBe('STORE_UNAVAILABLE')
    expect(await effects()).toEqual([])
  })

  it('that nobody can tell anything about is OUTCOME_UNKNOWN', async () => {
    const { once, runtime } = await setup({ leaseMs: 1_000 }, (verb, call) =>
      verb === 'find' || (verb === 'transaction' && call === 1) ? { kind: 'lose-reply' } : undefined,
    )
    const code = codeOf(once.atomic.batch(['a', 'b'], insertAll))
    await runtime.advance(60_000)
    expect(await code).toBe('OUTCOME_UNKNOWN')
  })
})
