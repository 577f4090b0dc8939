import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { encodeResult } from './codec.ts'

describe('a release whose answer was lost, of what somebody else has claimed since,', () => {
  it.each([1, 2])('does not say that the lock was lost, for %i at once', async (locks) => {
    const { open, runtime, types } = engine()
    const once = open({}, { release: { 1: { kind: 'lose-reply' } } })
    const keys = Array.from({ length: locks }, (_, nth) => `key ${nth}`)
    const { started, effect } = gate<string>()
    const held = keys.map((key) => once.exclusive(key, effect))
    await runtime.advance(0)
    const next = gate<string>()
    const rivals = keys.map((key) => open({ onInFlight: 'wait' }).exclusive(key, next.effect))
    await runtime.advance(0)
    for (const { resolve } of started) resolve('ran')
    await runtime.advance(1_000)
    expect(await Promise.all(held)).toEqual(keys.map(() => 'ran'))
    expect(types()).not.toContain('lease-lost')
    for (const { resolve } of next.started) resolve('ran next')
    expect(await Promise.all(rivals)).toEqual(keys.map(() => 'ran next'))
  })

  it('does not hide the error of the effect', async () => {
    const { open, runtime } = engine()
    const once = open({}, { release: { 1: { kind: 'lose-reply' } } })
    const declined = new Error('declined')
    const failing = expect(once('key', () => Promise.reject(declined))).rejects.toBe(declined)
    await runtime.advance(0)
    const { started, effect } = gate<string>()
    const rival = open()('key', effect)
    await runtime.advance(1_000)
    await failing
    started[0]?.resolve('ran next')
    expect(await rival).toBe('ran next')
  })

  it('says that the lock was lost where the lease had run out', async () => {
    const { open, runtime } = engine()
    const once = open({}, (verb, call) =>
      verb === 'renew' || (verb === 'release' && call === 1) ? { kind: 'lose-request' } : undefined,
    )
    const { started, effect } = gate<string>()
    const held = codeOf(once.exclusive('key', effect))
    await runtime.advance(2_998)
    started[0]?.resolve('ran')
    await runtime.advance(3)
    const rival = open().exclusive('key', () => 'ran next')
    await runtime.advance(1_000)
    expect([await held, await rival]).toEqual(['LEASE_LOST', 'ran next'])
  })

  it('says that the lock was lost where the clock of the store ended it early', async () => {
    const { open, runtime } = engine()
    const once = open({}, { release: { 1: { kind: 'lose-request' } } })
    const { started, effect } = gate<string>()
    const held = codeOf(once.exclusive('key', effect))
    await runtime.advance(0)
    runtime.step(3_001)
    const rival = open().exclusive('key', () => 'ran next')
    await runtime.advance(0)
    started[0]?.resolve('ran')
    await runtime.advance(1_000)
    expect([await held, await rival]).toEqual(['LEASE_LOST', 'ran next'])
  })

  it('gives what an operator has made of it instead of the error of the effect', async () => {
    const { open, runtime, store } = engine()
    const once = open({}, { release: { 1: { kind: 'lose-request' } } })
    const { started, effect } = gate<string>()
    const failing = once('key', effect)
    await runtime.advance(0)
    started[0]?.reject(new Error('declined'))
    await runtime.advance(1)
    const [{ id, owner, fence } = expect.unreachable()] = (await store.list({ limit: 1 })).items
    const result = { kind: 'value', body: encodeResult('resolved') } as const
    expect(await store.complete([{ lease: { id, owner, fence }, result, retentionMs: 60_000 }])).toEqual(['ok'])
    await runtime.advance(1_000)
    expect(await failing).toBe('resolved')
  })

  it('says that the lock was lost where an operator gave it to somebody else, and the answer was not lost', async () => {
    const { open, runtime, store } = engine()
    const { started, effect } = gate<string>()
    const held = codeOf(open().exclusive('key', effect))
    await runtime.advance(0)
    const [{ id, owner, fence } = expect.unreachable()] = (await store.list({ limit: 1 })).items
    expect(await store.release([{ id, owner, fence }])).toEqual(['ok'])
    expect(await open().exclusive('key', () => 'ran next')).toBe('ran next')
    started[0]?.resolve('ran')
    await runtime.advance(0)
    expect(await held).toBe('LEASE_LOST')
  })

  it.each([0, 2])('says that the lock was lost where its record was gone, and %i others came since', async (others) => {
    const { open, runtime, store } = engine()
    const once = open({}, { release: { 1: { kind: 'lose-request' } } })
    const { started, effect } = gate<string>()
    const held = codeOf(once.exclusive('key', effect))
    await runtime.advance(10)
    const [record] = (await store.list({ limit: 1 })).items
    await store.forget([record?.id ?? expect.unreachable()])
    const rivals = Array.from({ length: others }, () => open())
    for (const rival of rivals) expect(await rival.exclusive('key', () => 'ran next')).toBe('ran next')
    started[0]?.resolve('ran')
    await runtime.advance(1_000)
    expect(await held).toBe('LEASE_LOST')
  })
})
