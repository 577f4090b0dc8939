import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { SqliteTx } from '../stores/sqlite/index.ts'
import { operationId } from './key.ts'
import { storedValue } from './result.ts'
import type { ClaimOutcome } from './store.ts'

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

  it('names `tx` among its options, also when it is given a transaction in their place', async () => {
    const { once, store } = await setup()
    const known = 'is not an option; there are tx, leaseMs,'
    const never = () => expect.fail('ran')
    const misspelt = { trx: 1 } as never
    await expect(once.atomic('a', never, misspelt)).rejects.toThrow(`option \`trx\` ${known}`)
    await store.transaction(async (tx) => {
      await expect(once.atomic.attempt('a', never, tx as never)).rejects.toThrow(`option \`exec\` ${known}`)
    })
  })

  it.each([5_000, '5s', true])('refuses %j in the place of options', async (given) => {
    const { once } = await setup()
    for (const call of [
      once.atomic('a', () => expect.fail('ran'), given as never),
      once.atomic.attempt('a', () => expect.fail('ran'), given as never),
      once.atomic.batch(['a'], () => expect.fail('ran'), given as never),
    ])
      await expect(call).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('must be an object'),
      })
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

  it.each(['delete from onlyonce_operations', "update onlyonce_operations set owner = ''"])(
    'leaves nothing when the effect writes over the record that was claimed: %s',
    async (sql) => {
      const { once, count } = await setup()
      const effect = (tx: SqliteTx) => {
        tx.exec(sql)
        return insert('a')(tx)
      }
      const refused = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('its effect has removed or') }
      await expect(once.atomic('a', effect)).rejects.toMatchObject(refused)
      expect(await count('a')).toBe(0)
      expect(await once.find('a')).toBeUndefined()
      expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    },
  )

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
      { type: 'replayed', result: 'error', joined: false },
    ])
  })

  it('remembers the error without what the effect left running', async () => {
    const { once, count } = await setup({ onThrow: 'remember' })
    let over: Promise<unknown> = Promise.resolve()
    const effect = async (tx: SqliteTx) => {
      const credit = async () => {
        for (let turn = 0; turn < 100; turn++) {
          await undefined
          insert('credit')(tx)
        }
      }
      over = credit().catch(() => {})
      throw new Error('declined')
    }
    await expect(once.atomic('a', effect)).rejects.toThrow('declined')
    await over
    await expect(once.atomic('a', effect)).rejects.toThrow('declined')
    expect([(await once.find('a'))?.state, await count('credit')]).toEqual(['done', 0])
  })

  it('is STORE_UNAVAILABLE when the error cannot be remembered', async () => {
    const { once } = await setup({ onThrow: 'remember' }, { transaction: { 2: { kind: 'lose-request' } } })
    const failing = () => {
      throw new Error('declined')
    }
    expect(await codeOf(once.atomic('a', failing))).toBe('STORE_UNAVAILABLE')
    expect(await once.find('a')).toBeUndefined()
  })

  it('answers with what somebody else made of it before the error was remembered', async () => {
    const { once, store } = await setup({ onThrow: 'remember' })
    const within = store.within
    let claims = 0
    let other: ClaimOutcome = { kind: 'running', retryAfterMs: 5 }
    store.within = (tx) => {
      const inner = within(tx)
      const claim: typeof inner.claim = async (request) => (++claims % 2 === 1 ? inner.claim(request) : other)
      return { ...inner, claim }
    }
    const declined = () => Promise.reject(new Error('mine'))
    expect(await once.atomic.attempt('a', declined)).toEqual({ kind: 'in-flight', retryAfterMs: 5 })
    other = { kind: 'done', id: operationId('test', 'a'), fence: 7, result: storedValue('theirs') }
    expect(await once.atomic.attempt('a', declined)).toEqual({ kind: 'replayed', value: 'theirs' })
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
      { type: 'replayed', result: 'unknown', joined: false, ...about },
    ])
    const asked = open({ onAbandoned: () => ({ happened: true, value: 'ch_1' }) })
    expect(await asked.atomic.attempt('b', insert('b'))).toEqual({ kind: 'replayed', value: 'ch_1' })
    expect(events.filter((event) => event.key === 'b').map((event) => event.type)).not.toContain('executed')
  })

  it('waits for a policy that never answers no longer than maxRunMs, and the next one is asked again', async () => {
    const { open, once, runtime, count } = await setup({ maxRunMs: 3_000 })
    const dead = open({}, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
    void dead.attempt('a', () => new Promise(() => {})).catch(() => {})
    await runtime.advance(3_010)
    const asking = codeOf(open({ onAbandoned: () => new Promise(() => {}) }).atomic('a', insert('a')))
    await runtime.advance(3_000)
    expect(await asking).toBe('LEASE_LOST')
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
    expect(await count('a')).toBe(1)
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
    const message = expect.stringContaining('longer than maxRunMs, and what it had written was undone')
    expect(await hung).toMatchObject({ code: 'LEASE_LOST', message })
    expect(events).toEqual([])
    expect(signal?.aborted).toBe(true)
    expect(await count('a')).toBe(0)
    expect(await once.atomic('a', insert('a'))).toEqual({ key: 'a' })
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
