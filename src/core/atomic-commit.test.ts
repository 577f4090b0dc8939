import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { SqliteTx } from '../stores/sqlite/index.ts'
import { OnlyonceError } from './errors.ts'

describe('an effect that uses up the retention of its record', () => {
  it.each(['nothing', 'a value'])('and returns %s is remembered from its end on', async (what) => {
    const { once, count, runtime } = await setup({ leaseMs: 1_000, retentionMs: 5_000 })
    const { started, effect } = gate<unknown>()
    const run = async (tx: SqliteTx) => {
      insert('a')(tx)
      return effect()
    }
    const first = once.atomic.attempt('a', run)
    await runtime.advance(6_000)
    started[0]?.resolve(what === 'nothing' ? undefined : 1)
    expect(await first).toMatchObject({ kind: 'executed' })
    await runtime.advance(4_000)
    expect(await once.atomic.attempt('a', run)).toMatchObject({ kind: 'replayed' })
    expect(await count('a')).toBe(1)
  })

  it('in a batch is remembered from its end on', async () => {
    const { once, count, runtime } = await setup({ leaseMs: 1_000, retentionMs: 5_000 })
    const { started, effect } = gate<void>()
    const run = async (tx: SqliteTx) => {
      insert('a')(tx)
      await effect()
    }
    const first = once.atomic.batch(['a', 'b'], run)
    await runtime.advance(6_000)
    started[0]?.resolve()
    expect((await first).map(({ kind }) => kind)).toEqual(['executed', 'executed'])
    await runtime.advance(4_000)
    expect((await once.atomic.batch(['a', 'b'], run)).map(({ kind }) => kind)).toEqual(['replayed', 'replayed'])
    expect(await count('a')).toBe(1)
  })
})

describe('a commit', () => {
  it('whose answer was lost is found out by reading the record', async () => {
    const { once, count } = await setup({}, { transaction: { 1: { kind: 'lose-reply' } } })
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await count('a')).toBe(1)
  })

  it('whose answer was lost is found out also when the store has words of its own for it', async () => {
    const error = new OnlyonceError('STORE_UNAVAILABLE', 'the connection ended')
    const { once, count } = await setup({}, { transaction: { 1: { kind: 'lose-reply', error } } })
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await count('a')).toBe(1)
  })

  it('that the store calls OUTCOME_UNKNOWN stays so, whatever the record says: the store knows more', async () => {
    const error = new OnlyonceError('OUTCOME_UNKNOWN', 'the effect ended the transaction itself')
    const { once } = await setup({}, { transaction: { 1: { kind: 'lose-reply', error } } })
    await expect(once.atomic('a', insert('a'))).rejects.toBe(error)
    expect(await once.find('a')).toMatchObject({ state: 'done' })
  })

  it('of a decision on an abandoned operation is found out as well', async () => {
    const { open, runtime } = await setup()
    const dead = open({}, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
    void dead.attempt('a', () => new Promise(() => {})).catch(() => {})
    await runtime.advance(3_000)
    const asked = open(
      { onAbandoned: () => ({ happened: true, value: 'ch_1' }) },
      { transaction: { 1: { kind: 'lose-reply' } } },
    )
    expect(await asked.atomic.attempt('a', insert('a'))).toEqual({ kind: 'replayed', value: 'ch_1' })
  })

  it('that did not happen is STORE_UNAVAILABLE, and nothing was changed', async () => {
    const { once, store, count } = await setup()
    const transaction = store.transaction.bind(store)
    let broken = true
    store.transaction = (work) =>
      transaction(async (tx) => {
        const value = await work(tx)
        if (broken) throw new Error('disk full at commit')
        return value
      })
    const error = await once.atomic('a', insert('a')).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('disk full at commit') })
    broken = false
    expect(await count('a')).toBe(0)
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
  })

  /** Writes what the database refuses only at COMMIT. */
  async function orphans() {
    const world = await setup()
    await world.store.transaction(async (tx) => {
      tx.exec('create table parents (id integer primary key)')
      tx.exec('create table orphans (parent references parents deferrable initially deferred)')
    })
    let runs = 0
    const orphan = (tx: SqliteTx) => {
      runs++
      tx.exec('insert into orphans values (7)')
    }
    return { ...world, orphan, runs: () => runs }
  }

  it('that the database refuses for what the effect has written is an error of the effect', async () => {
    const { once, orphan, events } = await orphans()
    const error = await once.atomic('a', orphan).catch((thrown: unknown) => thrown)
    expect([OnlyonceError.is(error), String(error)]).toEqual([false, expect.stringContaining('FOREIGN KEY')])
    expect(events).toEqual([expect.objectContaining({ type: 'failed', error, remembered: false })])
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
  })

  it('that the database refuses is remembered as an error of the effect', async () => {
    const { once, orphan, runs } = await orphans()
    for (const replayed of [false, true]) {
      const outcome = await once.atomic.attempt('a', orphan, { onThrow: 'remember' })
      expect(outcome).toMatchObject({
        kind: 'failed',
        replayed,
        error: { message: expect.stringMatching(/FOREIGN KEY/) },
      })
    }
    expect(runs()).toBe(1)
  })

  it('of a batch that the database refuses fails what its effect was handed', async () => {
    const { once, orphan } = await orphans()
    await once.atomic('a', insert('a'))
    const outcomes = await once.atomic.batch(['a', 'b', 'c'], orphan)
    expect(outcomes.map(({ kind }) => kind)).toEqual(['undone', 'failed', 'failed'])
    expect(await once.find('b')).toBe(undefined)
  })

  it('that the store tries a second time is forgotten by then: what the effect throws there is its answer', async () => {
    const { once, store } = await setup()
    const transaction = store.transaction.bind(store)
    const refusal = new Error('the card was declined')
    store.transaction = async (work) => {
      const undone = new Error('could not serialize access')
      await transaction(async (tx) => {
        await work(tx)
        throw undone
      }).catch((error) => expect(error).toBe(undone))
      return transaction(work)
    }
    let runs = 0
    const effect = () => {
      runs += 1
      if (runs === 2) throw refusal
    }
    await expect(once.atomic('a', effect)).rejects.toBe(refusal)
    expect(runs).toBe(2)
  })

  it('whose answer was lost and whose record cannot be read for a whole lease is OUTCOME_UNKNOWN', async () => {
    const { once, runtime, count } = await setup({}, (verb, call) =>
      verb === 'find' || (verb === 'transaction' && call === 1) ? { kind: 'lose-reply' } : undefined,
    )
    const call = once.atomic('a', insert('a')).catch((error: unknown) => error)
    await runtime.advance(10_000)
    expect(await call).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringMatching(
        /^the commit for "a" failed .* record cannot be read; ask again with the same key$/,
      ),
      cause: { code: 'STORE_UNAVAILABLE' },
    })
    expect(await count('a')).toBe(1)
  })

  it('whose record becomes readable again is found out', async () => {
    const { once, runtime } = await setup({}, (verb, call) =>
      (verb === 'find' && call < 7) || (verb === 'transaction' && call === 1) ? { kind: 'lose-reply' } : undefined,
    )
    const call = once.atomic('a', insert('a'))
    await runtime.advance(2_900)
    expect(await call).toEqual({ key: 'a' })
  })

  it('of a replay that fails changes nothing: what was read stands', async () => {
    const { open, once } = await setup()
    await once.atomic('a', insert('a'))
    const finds: number[] = []
    const other = open({}, (verb, call) => {
      if (verb === 'find') finds.push(call)
      return verb === 'transaction' ? { kind: 'lose-reply' } : undefined
    })
    expect(await other.atomic.attempt('a', insert('a'))).toEqual({ kind: 'replayed', value: { key: 'a' } })
    expect(await other.atomic.attempt({ key: 'a', payload: 1 }, insert('a'))).toEqual({ kind: 'mismatch' })
    expect(finds).toEqual([])
  })

  it('that never began is STORE_UNAVAILABLE, and an event', async () => {
    const { once, events } = await setup(
      {},
      { transaction: { 1: { kind: 'lose-request', error: new Error('refused') } } },
    )
    const error = await once.atomic('a', insert('a')).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('(refused)') })
    expect(events).toEqual([
      { type: 'store-failed', verb: 'transaction', code: 'STORE_UNAVAILABLE', error, scope: 'test', key: 'a' },
    ])
  })

  it('made by the effect itself is OUTCOME_UNKNOWN', async () => {
    const { once } = await setup()
    const call = once.atomic('a', (tx) => {
      insert('a')(tx)
      tx.exec('commit')
    })
    expect(await codeOf(call)).toBe('OUTCOME_UNKNOWN')
  })
})
