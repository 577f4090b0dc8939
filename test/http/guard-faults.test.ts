import { once as event } from 'node:events'
import { describe, expect, it } from 'vitest'
import { OnlyonceError } from '../../src/core/errors.ts'
import type { HttpReply } from '../../src/http/call.ts'
import type { IdempotencyOptions } from '../../src/http/options.ts'
import { gate } from '../engine-kit.ts'
import { guarded, type Request, reply, seen } from './guard-kit.ts'

describe('a store', () => {
  const down =
    (...verbs: string[]) =>
    (verb: string) =>
      verbs.includes(verb) ? ({ kind: 'hang', applied: false } as const) : undefined

  it('that does not answer before the effect: 503 in time, and the handler does not run', async () => {
    const { ask, runs, runtime } = guarded({}, down('claim'))
    const asked = ask()
    await runtime.advance(1_000)
    const answer = await asked
    expect(seen(answer)).toBe('503 store-unavailable')
    expect(answer?.headers).toContainEqual(['retry-after', '1'])
    expect(runs()).toBe(0)
  })

  it('that may be gone lets the handler run without protection, if that is what was chosen', async () => {
    const { ask, runs, runtime, types } = guarded({ onStoreDown: 'run' }, down('claim'))
    const asked = ask()
    await runtime.advance(1_000)
    expect(seen(await asked)).toBe('201 {"order":1}')
    expect(runs()).toBe(1)
    expect(types()).toContain('unprotected')
  })

  it('that is gone after the effect does not keep the client from its answer, and is asked on', async () => {
    let gone = true
    const { ask, runs, runtime } = guarded({}, (verb) => (gone ? down('complete')(verb) : undefined))
    const asked = ask()
    await runtime.advance(1_000)
    expect(seen(await asked)).toBe('201 {"order":1}')
    gone = false
    await runtime.advance(2_500)
    expect(seen(await ask())).toBe('201 {"order":1} (replayed)')
    expect(runs()).toBe(1)
  })

  it('whose first answer was lost is asked again, and the handler runs once', async () => {
    const { ask, runs, runtime } = guarded({}, { claim: { 1: { kind: 'lose-reply' } } })
    const asked = ask()
    await runtime.advance(500)
    expect(seen(await asked)).toBe('201 {"order":1}')
    expect(runs()).toBe(1)
  })
})

it('a store that is set up wrong: 500, and a process warning tells the operator what the client is not told', async () => {
  const error = new OnlyonceError('OPTION_INVALID', 'the pool must not set sql_safe_updates')
  const { ask, runs } = guarded({}, { claim: { 1: { kind: 'lose-request', error } } })
  const warned = event(process, 'warning')
  const answer = await ask()
  expect(seen(answer)).toBe('500 misconfigured')
  expect(new TextDecoder().decode(answer?.body)).not.toContain('sql_safe_updates')
  expect(runs()).toBe(0)
  expect(await warned).toMatchObject([
    {
      code: 'ONLYONCE_MISCONFIGURED',
      message: 'POST "/orders" is not set up correctly: the pool must not set sql_safe_updates',
      detail: expect.stringContaining('guard-faults'),
    },
  ])
})

it('an owner that was replaced answers what its successor has stored', async () => {
  const { ask, open, build, runtime } = guarded({}, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
  const { started, effect } = gate<HttpReply>()
  const stalled = ask({}, effect)
  await runtime.advance(3_001)
  const successor = build(open())
  expect(seen(await ask({}, undefined, successor))).toBe('201 {"order":1}')
  started[0]?.resolve(reply(201, '{"order":"of the stalled one"}'))
  expect(seen(await stalled)).toBe('201 {"order":1} (replayed)')
})

describe('an abandoned request', () => {
  const abandoned = async (onAbandoned: IdempotencyOptions<Request>['onAbandoned']) => {
    const { ask, build, open, runtime, runs } = guarded({ ...(onAbandoned === undefined ? {} : { onAbandoned }) })
    const dead = build(open({}, (verb) => (verb === 'claim' ? undefined : { kind: 'hang', applied: false })))
    void ask({}, gate<HttpReply>().effect, dead)
    await runtime.advance(3_001)
    return { answer: seen(await ask()), runs: runs() }
  }

  it('is run again, held, or found out about, as was chosen', async () => {
    expect(await abandoned(undefined)).toEqual({ answer: '201 {"order":1}', runs: 1 })
    expect(await abandoned('hold')).toEqual({ answer: '409 outcome-unknown', runs: 0 })
    expect(await abandoned(() => ({ happened: false }))).toEqual({ answer: '201 {"order":1}', runs: 1 })
    const known = { happened: true, status: 201, headers: [['location', '/orders/7']], body: '{"order":7}' } as const
    expect(await abandoned(() => known)).toEqual({ answer: '201 {"order":7} (replayed)', runs: 0 })
  })

  it.each([
    ['no status', { happened: true }],
    ['a status that no answer has', { happened: true, status: 99 }],
    ['headers that are none', { happened: true, status: 201, headers: [['location', 1]] }],
    ['a body that is none', { happened: true, status: 201, body: { order: 7 } }],
  ])('of which onAbandoned tells %s is asked about again', async (_, first) => {
    const known = { happened: true, status: 201, body: '{"order":7}' } as const
    const answers = [first as typeof known, known]
    const { ask, build, open, runtime } = guarded({ onAbandoned: () => answers.shift() ?? known })
    const dead = build(open({}, (verb) => (verb === 'claim' ? undefined : { kind: 'hang', applied: false })))
    void ask({}, gate<HttpReply>().effect, dead)
    await runtime.advance(3_001)
    expect(seen(await ask())).toBe('409 outcome-unknown')
    await runtime.advance(3_001)
    expect(seen(await ask())).toBe('201 {"order":7} (replayed)')
  })
})
