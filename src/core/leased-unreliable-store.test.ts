import { describe, expect, it } from 'vitest'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { OnlyonceError } from './errors.ts'
import { operationId } from './key.ts'

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
    expect(events.slice(2)).toMatchObject([
      { type: 'store-failed' },
      { type: 'unprotected' },
      { type: 'failed', key: 'a', error: 'plain', remembered: false, tookMs: 0 },
    ])
  })

  it('holds nobody for longer than maxRunMs while it runs unprotected', async () => {
    const { once, runtime } = engine({ onStoreDown: 'run', maxRunMs: 5_000 }, always('claim', { kind: 'lose-request' }))
    let signal: AbortSignal | undefined
    const hung = once.attempt('a', (op) => {
      signal = op.signal
      return new Promise(() => {})
    })
    await runtime.advance(1_000)
    expect(signal?.aborted).toBe(false)
    const second = await once.attempt('a', () => 'second')
    // What is left of the lease that it would have had.
    expect(second).toMatchObject({ kind: 'in-flight' })
    expect(Object(second).retryAfterMs).toBeGreaterThan(1_900)
    const waiting = once.attempt('a', () => 'third', { onInFlight: 'wait', waitMs: 500 })
    await runtime.advance(500)
    expect(await waiting).toMatchObject({ kind: 'in-flight' })
    const closed = once.close()
    await runtime.advance(5_000)
    expect(await hung).toMatchObject({
      kind: 'failed',
      error: { code: 'LEASE_LOST', message: expect.stringContaining('longer than maxRunMs, without the store') },
    })
    expect(signal?.aborted).toBe(true)
    await closed
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

  it('that cannot tell what a successor made of it gives LEASE_LOST all the same', async () => {
    const { once, open, runtime } = engine({}, (verb) =>
      verb === 'renew' || verb === 'find' ? { kind: 'lose-request' } : undefined,
    )
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const slow = once('a', effect).catch((error: unknown) => error)
    await runtime.advance(3_000)
    expect(await open()('a', () => 2)).toBe(2)
    started[0]?.resolve(1)
    await runtime.advance(10_000)
    expect(await slow).toMatchObject({ code: 'LEASE_LOST' })
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
    expect((await slow) as Error).toMatchObject({ message: expect.stringMatching(/"a" was lost: its record is gone/) })
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
