import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { gate } from '../../test/engine-kit.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { type FaultPlan, faultyStore } from '../testing/faulty-store.ts'
import { onlyonce } from './engine.ts'
import { OnlyonceError } from './errors.ts'
import type { OnceEvent } from './events.ts'
import { operationId } from './key.ts'
import type { EngineOptions } from './options.ts'

const home = mkdtempSync(join(tmpdir(), 'onlyonce-atomic-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let files = 0

async function setup(given: Partial<EngineOptions> = {}, plan: FaultPlan = {}) {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: join(home, `${++files}.db`), durability: 'normal', runtime })
  await store.transaction(async (tx) => tx.exec('create table effects (key text, n integer)'))
  const events: OnceEvent[] = []
  const open = (more: Partial<EngineOptions> = {}, faults: FaultPlan = {}) => {
    const once = onlyonce({
      store: faultyStore(store, faults, { runtime }),
      scope: 'test',
      leaseMs: 3_000,
      storeTimeoutMs: 1_000,
      runtime,
      ...(given as object),
      ...(more as object),
    })
    once.on((event) => events.push(event))
    return once
  }
  const count = (key: string) =>
    store.transaction(
      async (tx) => (tx.prepare('select count(*) as n from effects where key = ?').get(key) as { n: number }).n,
    )
  return { runtime, store, events, open, count, once: open({}, plan) }
}

const insert = (key: string) => (tx: SqliteTx) => {
  tx.prepare('insert into effects values (?, 1)').run(key)
  return { key }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => (OnlyonceError.is(error) ? error.code : error),
  )

describe('once.atomic', () => {
  it('commits effect and record together and replays the result', async () => {
    const { once, count, events } = await setup()
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await once.atomic.attempt('a', insert('a'))).toEqual({ kind: 'replayed', value: { key: 'a' } })
    expect(await count('a')).toBe(1)
    expect(events.map((event) => event.type)).toEqual(['executed', 'replayed', 'replayed'])
    expect(events[0]).toMatchObject({ scope: 'test', key: 'a', attempt: 1, fence: expect.any(Number), tookMs: 0 })
  })

  it('keeps undefined without a second statement, and other values with one', async () => {
    const { store, once } = await setup()
    let completions = 0
    const within = store.within
    store.within = (tx) => {
      const claims = within(tx)
      return {
        ...claims,
        complete: (completion) => {
          completions++
          return claims.complete(completion)
        },
      }
    }
    expect(await once.atomic('a', () => {})).toBeUndefined()
    expect(completions).toBe(0)
    expect(await once.atomic('a', () => 1 as unknown)).toBeUndefined()
    expect(await once.atomic('b', () => null)).toBeNull()
    expect(completions).toBe(1)
  })

  it('leaves nothing when the effect throws', async () => {
    const { once, runtime, count, events } = await setup()
    await runtime.advance(1_000)
    const boom = new Error('boom')
    const { started, effect } = gate<never>()
    const failing = once.atomic('a', (tx: SqliteTx) => {
      insert('a')(tx)
      return effect()
    })
    await runtime.advance(40)
    started[0]?.reject(boom)
    await expect(failing).rejects.toBe(boom)
    expect(await count('a')).toBe(0)
    expect(await once.find('a')).toBeUndefined()
    expect(events).toMatchObject([{ type: 'failed', error: boom, remembered: false, tookMs: 40 }])
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
  })

  it('remembers the error, without the effect’s writes, when onThrow says so', async () => {
    const { once, count, events } = await setup({ onThrow: 'remember' })
    const failing = (tx: SqliteTx) => {
      insert('a')(tx)
      throw new Error('declined')
    }
    expect(await once.atomic.attempt('a', failing)).toMatchObject({ kind: 'failed', replayed: false })
    expect(await once.atomic.attempt('a', insert('a'))).toMatchObject({
      kind: 'failed',
      replayed: true,
      error: { message: 'declined' },
    })
    expect(await count('a')).toBe(0)
    expect(events).toMatchObject([
      { type: 'failed', error: { message: 'declined' }, remembered: true, tookMs: 0 },
      { type: 'replayed', joined: false },
    ])
  })

  it('throws what the effect threw when somebody else has the key before the error is remembered', async () => {
    const { once, store } = await setup({ onThrow: 'remember' })
    const within = store.within
    let claims = 0
    store.within = (tx) => {
      const inner = within(tx)
      const claim: typeof inner.claim = async (request) =>
        ++claims === 1 ? inner.claim(request) : { kind: 'running', retryAfterMs: 5 }
      return { ...inner, claim }
    }
    await expect(once.atomic('a', () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await once.find('a')).toBeUndefined()
  })

  it('refuses another payload', async () => {
    const { once, count } = await setup()
    await once.atomic({ key: 'a', payload: 1 }, insert('a'))
    expect(await codeOf(once.atomic({ key: 'a', payload: 2 }, insert('a')))).toBe('KEY_REUSED')
    expect(await count('a')).toBe(1)
  })

  it('counts as done when its result cannot be stored', async () => {
    const { once, count } = await setup()
    const effect = (tx: SqliteTx) => {
      insert('a')(tx)
      return () => 1
    }
    expect(await codeOf(once.atomic('a', effect))).toBe('RESULT_UNSERIALIZABLE')
    expect(await codeOf(once.atomic('a', effect))).toBe('RESULT_UNSERIALIZABLE')
    expect(await count('a')).toBe(1)
  })

  it('rejects duplicates when asked to', async () => {
    const { once } = await setup({ onDuplicate: 'reject' })
    await once.atomic('a', insert('a'))
    expect(await codeOf(once.atomic('a', insert('a')))).toBe('DUPLICATE')
    expect(await once.atomic('a', insert('a'), { onDuplicate: 'replay' })).toEqual({ key: 'a' })
  })

  it('hands the effect the operation, whose steps run without being stored', async () => {
    const { once } = await setup()
    const seen = await once.atomic('a', async (_, op) => [
      op.key,
      op.attempt,
      await op.step('one', () => 7),
      op.fence > 0,
    ])
    expect(seen).toEqual(['a', 1, 7, true])
  })

  it('joins duplicates in this process', async () => {
    const { once, runtime, count, events } = await setup()
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const first = once.atomic('a', async (tx) => {
      insert('a')(tx)
      return effect()
    })
    await runtime.advance(500)
    expect(await once.atomic.attempt('a', insert('a'))).toEqual({ kind: 'in-flight', retryAfterMs: 2_500 })
    const waiting = once.atomic('a', insert('a'), { onInFlight: 'wait' })
    started[0]?.resolve(1)
    expect(await first).toBe(1)
    expect(await waiting).toBe(1)
    expect(await count('a')).toBe(1)
    expect(events.find((event) => event.type === 'executed')).toMatchObject({ tookMs: 500 })
  })

  describe('with another payload, while it is not committed', () => {
    async function uncommitted(given: Partial<EngineOptions> = {}) {
      const kit = await setup()
      const { started, effect } = gate<number>()
      await kit.runtime.advance(1_000)
      const first = codeOf(kit.once.atomic({ key: 'a', payload: 1 }, effect))
      await kit.runtime.advance(500)
      const second = kit.once.atomic.attempt({ key: 'a', payload: 2 }, insert('a'), given as object)
      return { ...kit, first, second, effect: started[0] }
    }

    it('is in flight to who would not wait: nothing is bound yet', async () => {
      const { first, second, effect } = await uncommitted()
      expect(await second).toEqual({ kind: 'in-flight', retryAfterMs: 2_500 })
      effect?.resolve(1)
      await first
    })

    it('is a mismatch for who waited, once it is committed', async () => {
      const { first, second, effect } = await uncommitted({ onInFlight: 'wait' })
      effect?.resolve(1)
      expect(await first).toBe('resolved with 1')
      expect(await second).toEqual({ kind: 'mismatch' })
    })

    it('leaves the key to who waited, when it is undone', async () => {
      const { first, second, effect } = await uncommitted({ onInFlight: 'wait' })
      effect?.reject('undone')
      expect(await first).toBe('undone')
      expect(await second).toMatchObject({ kind: 'executed', value: { key: 'a' } })
    })

    it('keeps nobody waiting for longer than waitMs', async () => {
      const { runtime, first, second, effect } = await uncommitted({ onInFlight: 'wait', waitMs: 700 })
      let over = false
      void second.then(() => {
        over = true
      })
      await runtime.advance(699)
      expect(over).toBe(false)
      await runtime.advance(1)
      expect(over).toBe(true)
      expect(await second).toEqual({ kind: 'in-flight', retryAfterMs: 1_800 })
      effect?.resolve(1)
      await first
    })
  })

  it('is a mismatch at once where a replay of it is under way', async () => {
    const { once, open, runtime } = await setup()
    await once.atomic({ key: 'a', payload: 1 }, insert('a'))
    const slow = open({}, { transaction: { 1: { kind: 'delay-reply', ms: 100 } } })
    const replay = slow.atomic.attempt({ key: 'a', payload: 1 }, insert('a'))
    await runtime.advance(10)
    expect(await slow.atomic.attempt({ key: 'a', payload: 2 }, insert('a'))).toEqual({ kind: 'mismatch' })
    await runtime.advance(100)
    expect(await replay).toMatchObject({ kind: 'replayed' })
  })

  it('does not run beside a live lease on the same key, and takes over a dead one by policy', async () => {
    const { open, once, runtime, events } = await setup()
    const dead = open({}, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
    for (const key of ['a', 'b']) void dead.attempt(key, () => new Promise(() => {})).catch(() => {})
    await runtime.advance(10)
    expect(await codeOf(once.atomic('a', insert('a')))).toBe('IN_FLIGHT')
    await runtime.advance(3_000)
    const held = open({ onAbandoned: 'hold' })
    expect(await codeOf(held.atomic('a', insert('a')))).toBe('OUTCOME_UNKNOWN')
    expect(await held.find('a')).toMatchObject({ state: 'unknown' })
    const about = { scope: 'test', key: 'a' }
    expect(events.filter((event) => event.key === 'a').slice(-3)).toEqual([
      { type: 'abandoned', attempt: 2, policy: 'hold', ...about },
      { type: 'unknown', ...about },
      { type: 'replayed', joined: false, ...about },
    ])
    const asked = open({ onAbandoned: () => ({ happened: true, value: 'ch_1' }) })
    expect(await asked.atomic.attempt('b', insert('b'))).toEqual({ kind: 'replayed', value: 'ch_1' })
    expect(events.filter((event) => event.key === 'b').map((event) => event.type)).not.toContain('executed')
  })

  it('refuses to run unprotected, because without the store there is no transaction', async () => {
    const { once, count } = await setup()
    const refused = once.atomic('a', insert('a'), { onStoreDown: 'run' })
    const message =
      'option `onStoreDown` cannot be kept by atomic: without the store there is no transaction; got "run"'
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID', message })
    expect(await count('a')).toBe(0)
  })

  it('undoes an effect that runs longer than maxRunMs', async () => {
    const { once, runtime, count, events } = await setup({ maxRunMs: 3_000 })
    let signal: AbortSignal | undefined
    const hung = once
      .atomic('a', (tx, op) => {
        insert('a')(tx)
        signal = op.signal
        return new Promise(() => {})
      })
      .catch((error: unknown) => error)
    await runtime.advance(2_999)
    expect(signal?.aborted).toBe(false)
    await runtime.advance(1)
    const message = expect.stringContaining('longer than maxRunMs, and its transaction was undone')
    expect(await hung).toMatchObject({ code: 'LEASE_LOST', message })
    expect(events).toEqual([])
    expect(signal?.aborted).toBe(true)
    expect(await count('a')).toBe(0)
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
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

  it('of a replay that fails changes nothing', async () => {
    const { open, once } = await setup()
    await once.atomic('a', insert('a'))
    const finds: number[] = []
    const other = open({}, (verb, call) => {
      if (verb === 'find') finds.push(call)
      return verb === 'transaction' ? { kind: 'lose-reply' } : undefined
    })
    expect(await codeOf(other.atomic('a', insert('a')))).toBe('STORE_UNAVAILABLE')
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

describe('joining the caller’s transaction', () => {
  it('commits and vanishes with it', async () => {
    const { once, store, count, events } = await setup()
    const undone = store.transaction(async (tx) => {
      expect(await once.atomic('a', insert('a'), { tx })).toEqual({ key: 'a' })
      throw new Error('caller')
    })
    await expect(undone).rejects.toThrow('caller')
    expect(await once.find('a')).toBeUndefined()
    await store.transaction(async (tx) => {
      expect(await once.atomic('a', insert('a'), { tx })).toEqual({ key: 'a' })
      expect(await once.atomic.attempt('a', insert('a'), { tx })).toEqual({ kind: 'replayed', value: { key: 'a' } })
      await once.atomic('b', insert('b'), { tx })
    })
    expect(await once.find('a')).toMatchObject({ state: 'done' })
    expect(await count('a')).toBe(1)
    expect(await count('b')).toBe(1)
    expect(events.map((event) => event.type)).toEqual(['executed', 'executed', 'replayed', 'executed'])
    const other = store.transaction((tx) => once.atomic({ key: 'a', payload: 1 }, insert('a'), { tx }))
    await expect(other).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect(events[2]).toMatchObject({ joined: false })
    expect(events.slice(4)).toMatchObject([{ type: 'mismatch' }])
  })

  it('undoes only the effect’s part when the effect throws', async () => {
    const { once, store, count, events } = await setup()
    await store.transaction(async (tx) => {
      insert('mine')(tx)
      const failing = once.atomic(
        'a',
        (inner) => {
          insert('a')(inner)
          throw new Error('effect')
        },
        { tx },
      )
      await expect(failing).rejects.toThrow('effect')
    })
    expect(await count('mine')).toBe(1)
    expect(await count('a')).toBe(0)
    expect(await once.find('a')).toBeUndefined()
    expect(events).toMatchObject([{ type: 'failed', remembered: false, key: 'a' }])
  })

  it('says what a store failure inside it means', async () => {
    const { once, store } = await setup()
    const within = store.within
    store.within = (tx) => ({ ...within(tx), claim: () => Promise.reject(new Error('locked')) })
    const call = store.transaction((tx) => once.atomic('a', insert('a'), { tx }))
    await expect(call).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('(locked)'),
    })
  })

  it('is not answered to anybody else before it is final', async () => {
    const { once, store, runtime } = await setup()
    let inner: unknown
    const undone = store.transaction(async (tx) => {
      await once.atomic('a', insert('a'), { tx })
      const other = codeOf(once.atomic.attempt('a', insert('a'), { onInFlight: 'wait' }))
      await runtime.advance(1_000)
      inner = await other
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(inner).toBe('OPTION_INVALID')
  })
})

it('finds the record by the same id as leased calls do', async () => {
  const { once, store } = await setup()
  await once.atomic('a', insert('a'))
  expect((await store.find([operationId('test', 'a')]))[0]).toMatchObject({
    scope: 'test',
    key: 'a',
    state: 'done',
    starts: 1,
  })
})
