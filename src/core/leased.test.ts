import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import type { Fault, FaultyVerb } from '../testing/faulty-store.ts'
import { OnlyonceError } from './errors.ts'
import { operationId } from './key.ts'

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => (OnlyonceError.is(error) ? error.code : error),
  )

const always =
  (verb: FaultyVerb, fault: Fault) =>
  (called: FaultyVerb): Fault | undefined =>
    called === verb ? fault : undefined

describe('the lease', () => {
  it('is renewed every third of it, for as long as the effect runs', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(60_000)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    started[0]?.resolve(1)
    expect(await slow).toBe(1)
    expect(runtime.pending).toBe(0)
  })

  it('is taken over when it runs out, and the slow owner answers with the result of its successor', async () => {
    const { once, open, runtime, types } = engine({}, always('renew', { kind: 'lose-request' }))
    const { started, effect } = gate<string>()
    const slow = once.attempt('a', effect)
    await runtime.advance(2_999)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    await runtime.advance(1)
    const successor = await open().attempt('a', (op) => `attempt ${op.attempt}`)
    expect(successor).toMatchObject({ kind: 'executed', value: 'attempt 2', attempt: 2 })
    started[0]?.resolve('stale')
    expect(await slow).toEqual({ kind: 'replayed', value: 'attempt 2' })
    expect(types()).toContain('abandoned')
    expect(types()).toContain('lease-lost')
    expect(types().filter((type) => type === 'executed')).toHaveLength(1)
  })

  it('that ran out but was not taken over still lets its owner complete', async () => {
    const { once, runtime } = engine({}, always('renew', { kind: 'lose-request' }))
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(3_500)
    started[0]?.resolve(1)
    expect(await slow).toBe(1)
  })

  it('aborts the one signal there is, also when the effect first asks for it after the loss', async () => {
    const { once, runtime } = engine({ maxRunMs: 3_000 })
    const { started, effect } = gate<void>()
    let early: AbortSignal[] = []
    const slow = once.attempt('a', async (op) => {
      early = [op.signal, op.signal]
      await effect()
    })
    let late: unknown
    const other = once.attempt('b', async (op) => {
      await effect()
      late = op.signal.reason
    })
    await runtime.advance(3_500)
    expect(early.map((signal) => signal.aborted)).toEqual([true, true])
    for (const one of started) one.resolve()
    await Promise.all([slow, other])
    expect(late).toMatchObject({ code: 'LEASE_LOST', message: expect.stringContaining('longer than maxRunMs') })
  })

  it('aborts the signal when it is lost, with LEASE_LOST as the reason', async () => {
    const { once, open, runtime } = engine({}, always('renew', { kind: 'lose-request' }))
    const signals: AbortSignal[] = []
    const { started, effect } = gate<number>()
    const slow = codeOf(
      once('a', (op) => {
        signals.push(op.signal)
        return effect()
      }),
    )
    await runtime.advance(2_999)
    expect(signals[0]?.aborted).toBe(false)
    await runtime.advance(1_000)
    expect(signals[0]?.reason).toMatchObject({
      code: 'LEASE_LOST',
      message: expect.stringContaining('could not be reached'),
    })
    const second = gate<number>()
    const next = open()('a', second.effect)
    await runtime.advance(0)
    started[0]?.reject(signals[0]?.reason)
    expect(await slow).toBe('LEASE_LOST')
    second.started[0]?.resolve(2)
    expect(await next).toBe(2)
  })

  it('is no longer renewed after maxRunMs, so that a hung effect holds neither the key nor its caller', async () => {
    const { once, open, runtime, events } = engine({ maxRunMs: 5_000 })
    await runtime.advance(1_000)
    const hung = codeOf(once('a', () => new Promise(() => {})))
    await runtime.advance(5_000)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    await runtime.advance(3_000)
    expect(await hung).toBe('LEASE_LOST')
    const about = { scope: 'test', key: 'a' }
    expect(events).toContainEqual({ type: 'lease-lost', fence: expect.any(Number), heldMs: 8_000, ...about })
    expect(await open()('a', () => 2)).toBe(2)
    expect(runtime.pending).toBe(0)
  })

  it('is not given back while a left-behind effect may still be running', async () => {
    const { once, runtime, store } = engine({ leaseMs: 3_000, maxRunMs: 3_000 })
    const hung = codeOf(once('a', () => new Promise(() => {})))
    await runtime.advance(6_000)
    expect(await hung).toBe('LEASE_LOST')
    const [record] = await store.find([operationId('test', 'a')])
    expect(record?.state).toBe('running')
  })

  it('is checked again when the answer to the claim was under way for a whole lease', async () => {
    const late = (verb: FaultyVerb, call: number): Fault | undefined =>
      verb === 'claim' && call === 1 ? { kind: 'delay-reply', ms: 400 } : undefined
    const { once, open, runtime } = engine({ leaseMs: 300, storeTimeoutMs: 1_000 }, late)
    let ran = false
    const slow = once.attempt('a', () => {
      ran = true
    })
    await runtime.advance(350)
    expect(await open()('a', () => 'other')).toBe('other')
    await runtime.advance(100)
    expect(await slow).toEqual({ kind: 'replayed', value: 'other' })
    expect(ran).toBe(false)
  })

  it.each([
    [299, ['claim', 'complete']],
    [300, ['claim', 'renew', 'complete']],
    [400, ['claim', 'renew', 'complete']],
  ])('is used when that claim, %d ms late, is still ours', async (ms, verbs) => {
    const asked: FaultyVerb[] = []
    const { once, runtime, events } = engine({ leaseMs: 300, storeTimeoutMs: 1_000 }, (verb) => {
      asked.push(verb)
      return verb === 'claim' ? { kind: 'delay-reply', ms } : undefined
    })
    await runtime.advance(1_000)
    const slow = once('a', () => 1)
    await runtime.advance(ms)
    expect(await slow).toBe(1)
    expect(asked).toEqual(verbs)
    expect(events[0]).toMatchObject({ type: 'claimed', tookMs: ms })
  })
})

describe('an unreliable store', () => {
  it('is asked again with the same owner when the answer to a claim was lost', async () => {
    const { once, runtime, events } = engine({}, { claim: { 1: { kind: 'lose-reply' } } })
    const call = once('a', (op) => op.attempt)
    await runtime.advance(100)
    expect(await call).toBe(1)
    expect(events.filter((event) => event.type === 'claimed')).toHaveLength(1)
  })

  it('is asked again when a claim is never answered', async () => {
    const { once, runtime } = engine({}, { claim: { 1: { kind: 'hang', applied: true } } })
    const call = once('a', (op) => op.attempt)
    await runtime.advance(600)
    expect(await call).toBe(1)
  })

  it.each(['lose-request', 'lose-reply'] as const)(
    'is asked to complete again until definite after %s',
    async (kind) => {
      let runs = 0
      const { once, runtime } = engine({}, (verb, call) => (verb === 'complete' && call <= 7 ? { kind } : undefined))
      const call = once('a', () => ++runs)
      await runtime.advance(2_500)
      expect(await call).toBe(1)
      expect(await once('a', () => ++runs)).toBe(1)
    },
  )

  it('that never confirms a result leaves OUTCOME_UNKNOWN, neither success nor release', async () => {
    const error = (call: number) => new Error(`down ${call}`)
    const { once, runtime, store } = engine({}, (verb, call) =>
      verb === 'complete' ? { kind: 'lose-request', error: error(call) } : undefined,
    )
    const call = once('a', () => 1).catch((reason: unknown) => reason)
    await runtime.advance(10_000)
    const unknown = (await call) as OnlyonceError
    expect(unknown).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { code: 'STORE_UNAVAILABLE' } })
    const [, last] =
      unknown.message.match(/^the effect of "a" ran, .* not confirm .*\(down (\d+)\).*; after the lease it/) ?? []
    expect(Number(last)).toBeGreaterThan(6)
    expect(unknown.cause).toMatchObject({ cause: error(Number(last)) })
    const [record] = await store.find([operationId('test', 'a')])
    expect(record).toMatchObject({ state: 'running', attempt: 1 })
  })

  it('gives STORE_UNAVAILABLE within storeTimeoutMs and does not run the effect', async () => {
    const { once, runtime, events } = engine({}, always('claim', { kind: 'hang', applied: false }))
    const call = codeOf(once('a', () => expect.fail('ran')))
    await runtime.advance(1_000)
    expect(await call).toBe('STORE_UNAVAILABLE')
    expect(events).toMatchObject([{ type: 'store-failed', verb: 'claim', code: 'STORE_UNAVAILABLE' }])
  })

  it('runs unprotected when asked to, and says so', async () => {
    const { once, runtime, events } = engine({ onStoreDown: 'run' }, always('claim', { kind: 'lose-request' }))
    const call = once('a', (op) => [op.fence, op.owner, op.child('x').length, op.signal.aborted])
    await runtime.advance(1_000)
    expect(await call).toEqual([0, '', 32, false])
    expect(events.map((event) => event.type)).toEqual(['store-failed', 'unprotected'])
    const failing = codeOf(once('a', () => Promise.reject('plain')))
    await runtime.advance(1_000)
    expect(await failing).toBe('plain')
  })

  it('that answers what cannot be right is not down: nothing runs unprotected', async () => {
    const { once, open, store, events } = engine()
    await once('b', () => 1)
    const claim: typeof store.claim = (requests) =>
      store.claim(requests.map((one) => ({ ...one, id: operationId('test', 'b') })))
    const other = open({ store: { ...store, claim }, onStoreDown: 'run' })
    expect(await codeOf(other('a', () => expect.fail('ran')))).toBe('OUTCOME_UNKNOWN')
    expect(events.at(-1)?.type).not.toBe('unprotected')
  })

  it('gives back a claim whose grant arrives after the caller was told STORE_UNAVAILABLE', async () => {
    const { once, open, runtime } = engine({}, always('claim', { kind: 'delay-reply', ms: 1_500 }))
    const call = codeOf(once('a', () => expect.fail('ran')))
    await runtime.advance(1_000)
    expect(await call).toBe('STORE_UNAVAILABLE')
    await runtime.advance(1_200)
    expect(await open()('a', (op) => op.attempt)).toBe(1)
  })

  it('that cannot release does not hide the error of the effect', async () => {
    const { once, runtime } = engine({}, always('release', { kind: 'lose-request' }))
    const call = codeOf(once('a', () => Promise.reject('mine')))
    await runtime.advance(1_000)
    expect(await call).toBe('mine')
  })

  it('that lost the record while the effect failed has the last word', async () => {
    const { once, open, runtime, events } = engine({}, always('renew', { kind: 'lose-request' }))
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(3_000)
    expect(await open()('a', () => 2)).toBe(2)
    started[0]?.reject(new Error('late'))
    expect(await slow).toBe(2)
    const about = { scope: 'test', key: 'a' }
    expect(events.at(-1)).toMatchObject({ type: 'replayed', joined: false })
    expect(events).toContainEqual({ type: 'lease-lost', fence: expect.any(Number), heldMs: 3_000, ...about })
  })

  it('that forgot the operation meanwhile gives LEASE_LOST with the effect’s error as cause', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = once('a', effect).catch((error: unknown) => error)
    await runtime.advance(0)
    await once.forget('a')
    const late = new Error('late')
    started[0]?.reject(late)
    expect(await slow).toMatchObject({ code: 'LEASE_LOST', cause: late })
    expect((await slow) as Error).toMatchObject({ message: expect.stringMatching(/"a" was lost: another owner took/) })
  })

  it('does not revive a record that was forgotten while the effect ran', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = codeOf(once('a', effect))
    await runtime.advance(0)
    await once.forget('a')
    started[0]?.resolve(1)
    expect(await slow).toBe('LEASE_LOST')
    expect(await once.find('a')).toBeUndefined()
  })

  it('does not answer with the result of another payload after a forget', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = codeOf(once({ key: 'a', payload: 1 }, effect))
    await runtime.advance(0)
    await once.forget('a')
    await open()({ key: 'a', payload: 2 }, () => 'other')
    started[0]?.resolve(1)
    expect(await slow).toBe('LEASE_LOST')
  })
})

describe('an abandoned operation', () => {
  /** Leaves one behind: claimed by an owner that never says another word. */
  async function abandon(given = {}) {
    const kit = engine(given)
    const { effect } = gate()
    void kit
      .open({}, always('renew', { kind: 'lose-request' }))
      .attempt({ key: 'a', payload: 1 }, effect)
      .catch(() => {})
    await kit.runtime.advance(3_000)
    return { ...kit, key: { key: 'a', payload: 1 } }
  }

  it('runs again under the policy retry', async () => {
    const { once, key, events } = await abandon()
    expect(await once(key, (op) => [op.attempt, op.starts])).toEqual([2, 2])
    expect(events).toContainEqual({ type: 'abandoned', attempt: 2, policy: 'retry', scope: 'test', key: 'a' })
  })

  it('is held under the policy hold until an operator resolves it', async () => {
    const { once, key, types, runtime } = await abandon({ onAbandoned: 'hold' })
    const never = () => expect.fail('ran')
    const held = await once(key, never).catch((error: unknown) => error)
    expect(held).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringMatching(/"a" was abandoned.*resolve it/),
    })
    expect(await once.attempt(key, never)).toEqual({ kind: 'unknown' })
    expect(await once.find(key)).toMatchObject({ state: 'unknown' })
    expect(types().filter((type) => type === 'unknown')).toHaveLength(1)
    await runtime.advance(365 * 86_400_000)
    expect(await codeOf(once(key, never))).toBe('OUTCOME_UNKNOWN')
  })

  it('is settled by reconcile with the value it tells, without running the effect', async () => {
    let asked: unknown
    const { once, key, events, types } = await abandon({
      onAbandoned: (op: object) => {
        asked = op
        return { happened: true, value: { charge: 'ch_1' } }
      },
    })
    expect(await once.attempt(key, () => expect.fail('ran'))).toEqual({ kind: 'replayed', value: { charge: 'ch_1' } })
    expect(asked).toMatchObject({ scope: 'test', key: 'a', attempt: 2, fence: expect.any(Number) })
    expect((asked as { child(name: string): string }).child('x')).toBe(operationId(operationId('test', 'a'), 'x'))
    expect(events).toContainEqual(expect.objectContaining({ type: 'abandoned', policy: 'reconcile' }))
    expect(types()).not.toContain('unknown')
    expect(await once(key, () => expect.fail('ran'))).toEqual({ charge: 'ch_1' })
  })

  it('does not run any more when the lease was lost while reconcile took its time', async () => {
    const kit = await abandon()
    const { started, effect } = gate<{ happened: false }>()
    const slow = codeOf(
      kit
        .open({ onAbandoned: effect }, always('renew', { kind: 'lose-request' }))
        .attempt(kit.key, () => expect.fail('ran')),
    )
    await kit.runtime.advance(3_500)
    started[0]?.resolve({ happened: false })
    expect(await slow).toBe('LEASE_LOST')
    expect(await kit.once(kit.key, () => 'ran')).toBe('ran')
  })

  it('runs when reconcile says it did not happen', async () => {
    const { once, key } = await abandon({ onAbandoned: async () => ({ happened: false }) })
    expect(await once(key, () => 'ran')).toBe('ran')
  })

  it('stays abandoned when reconcile cannot tell, or when the retry fails', async () => {
    const down = new Error('gateway down')
    let answer: () => { happened: boolean } = () => {
      throw down
    }
    let asked = 0
    const { once, key } = await abandon({
      onAbandoned: () => {
        asked++
        return answer()
      },
    })
    const unknown = await once(key, () => expect.fail('ran')).catch((error: unknown) => error)
    expect(unknown).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('gateway down'),
      cause: down,
    })
    answer = () => ({ happened: false })
    expect(await codeOf(once(key, () => Promise.reject('no')))).toBe('no')
    expect(await once(key, (op) => op.attempt)).toBe(2)
    expect(asked).toBe(3)
  })
})

describe('steps', () => {
  it('that finished are not run again by a later attempt', async () => {
    const { once } = engine()
    const ran: string[] = []
    const effect = (fail: boolean) => async (op: { step: <T>(name: string, fn: () => T) => Promise<T> }) => {
      const reserved = await op.step('reserve', () => ran.push('reserve'))
      if (fail) throw new Error('between')
      return [reserved, await op.step('capture', () => ran.push('capture'))]
    }
    await expect(once('a', effect(true))).rejects.toThrow('between')
    expect(await once('a', effect(false))).toEqual([1, 2])
    expect(ran).toEqual(['reserve', 'capture'])
  })

  it('survive a crash: the successor gets their results', async () => {
    const { once, open, runtime } = engine()
    const faulty = open({}, (verb, call) => (verb === 'renew' && call > 1 ? { kind: 'lose-request' } : undefined))
    void faulty.attempt('a', async (op) => {
      await op.step('reserve', () => ({ id: 7 }))
      await new Promise(() => {})
    })
    await runtime.advance(4_000)
    const result = await once('a', (op) => op.step('reserve', () => expect.fail('ran') as { id: number }))
    expect(result).toEqual({ id: 7 })
  })

  it('answer with the stored form, and refuse a name that is used twice or empty', async () => {
    const { once } = engine()
    await once('a', async (op) => {
      const own = { at: new Date(1) }
      const stored = await op.step('one', () => own)
      expect(stored).toEqual(own)
      expect(stored).not.toBe(own)
      const twice = expect.stringMatching(/^step "one" of "a" was used twice/)
      await expect(op.step('one', () => 2)).rejects.toMatchObject({ code: 'OPTION_INVALID', message: twice })
      for (const name of ['', 5 as never]) {
        await expect(op.step(name, () => 2)).rejects.toMatchObject({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(/needs a name/),
        })
      }
    })
  })

  it('whose result cannot be stored do not run again either', async () => {
    const { once } = engine()
    let stepRuns = 0
    const counting = (op: { step: <T>(name: string, fn: () => T) => Promise<T> }) =>
      op.step('one', () => {
        stepRuns++
        return Symbol('x')
      })
    for (let again = 0; again < 2; again++) {
      const message = expect.stringMatching(/^step "one" of "a" ran, but its result cannot be stored/)
      await expect(once('a', counting)).rejects.toMatchObject({ code: 'RESULT_UNSERIALIZABLE', message })
    }
    expect(stepRuns).toBe(1)
  })

  it('end with LEASE_LOST, without counting, when another owner has the operation', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<void>()
    let second = false
    const slow = once('a', async (op) => {
      await effect()
      await op.step('one', () => 1)
      second = true
    })
    const message = expect.stringMatching(/another owner took it over/)
    const refused = expect(slow).rejects.toMatchObject({ code: 'LEASE_LOST', message, cause: { message } })
    await runtime.advance(0)
    await once.forget('a')
    started[0]?.resolve()
    await refused
    expect(second).toBe(false)
  })

  it('do not begin after the signal was aborted', async () => {
    const { once, runtime } = engine({ maxRunMs: 3_000 })
    const { started, effect } = gate<void>()
    let began = false
    const slow = codeOf(
      once('a', async (op) => {
        await effect()
        await op.step('one', () => {
          began = true
        })
      }),
    )
    await runtime.advance(3_500)
    started[0]?.resolve()
    expect(await slow).toBe('LEASE_LOST')
    expect(began).toBe(false)
  })
})
