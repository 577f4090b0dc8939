import { describe, expect, it, vi } from 'vitest'
import { OnlyonceError } from '../../core/errors.ts'
import type { Lease } from '../../core/record.ts'
import type { ClaimRequest } from '../../core/store.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { memoryStore } from './index.ts'

function claimOf(name: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const id = name.padEnd(32, '-')
  return {
    id,
    scope: 's',
    key: name,
    fingerprint: 'f',
    owner: `owner of ${name}`,
    leaseMs: 100,
    retentionMs: 1_000,
    ...change,
  }
}

function setUp(maxRecords?: number) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime, ...(maxRecords === undefined ? {} : { maxRecords }) })
  const claim = async (name: string, change?: Partial<ClaimRequest>): Promise<Lease> => {
    const [outcome] = await store.claim([claimOf(name, change)])
    if (outcome?.kind !== 'granted') throw new Error(`${name} is ${outcome?.kind}`)
    return outcome.lease
  }
  const finish = (lease: Lease, retentionMs: number) =>
    store.complete([{ lease, result: { kind: 'value', body: new Uint8Array() }, retentionMs }])
  return { runtime, store, claim, finish }
}

describe('memoryStore', () => {
  it('says what it is: gone with the process', () => {
    const { name, traits } = memoryStore()
    expect(name).toBe('memory')
    expect(traits).toStrictEqual({ durable: false, transactional: false, survivesFailover: false, selfExpiring: false })
    expect(Object.isFrozen(traits)).toBe(true)
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as never])('refuses maxRecords %s', (maxRecords) => {
    expect(() => memoryStore({ maxRecords })).toThrow(`option \`maxRecords\` must be a positive integer; got`)
    expect(memoryStore({ maxRecords: 1 }).size).toBe(0)
  })

  it.each([
    [{ maxRecord: 5 }, '`maxRecord` is not an option'],
    ['5', 'must be an object'],
    [{ runtime: {} }, 'option `runtime` must be a Runtime'],
  ])('refuses the options %j', (options, word) => {
    expect(() => memoryStore(options as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => memoryStore(options as never)).toThrow(word)
  })

  it('counts the records it holds, expired ones included', async () => {
    const { runtime, store, claim } = setUp()
    await claim('a')
    await claim('b')
    await runtime.advance(10_000)
    expect(store.size).toBe(2)
    await store.sweep(1)
    expect(store.size).toBe(1)
    await store[Symbol.asyncDispose]()
    expect(store.size).toBe(0)
  })

  it('uses the system clock when it is given none', async () => {
    const store = memoryStore()
    await store.claim([claimOf('a')])
    const [record] = await store.find([claimOf('a').id])
    expect(Math.abs((record?.readAt ?? 0) - Date.now())).toBeLessThan(1_000)
  })

  it('keeps results of every length apart, side by side as they lie', async () => {
    const { store, claim } = setUp()
    const lengths = [0, 1, 4_095, 4_096, 4_097, 3_000, 3_000, 3_000, 8_192, 20_000, 2]
    const bodyOf = (nth: number) => new Uint8Array(lengths[nth] ?? 0).fill(nth + 1)
    for (const nth of lengths.keys()) {
      const lease = await claim(`${nth}`)
      await store.complete([{ lease, result: { kind: 'value', body: bodyOf(nth) }, retentionMs: 1_000 }])
    }
    const kept = await store.find([...lengths.keys()].map((nth) => claimOf(`${nth}`).id))
    expect(kept.map((record) => record?.result?.body)).toEqual([...lengths.keys()].map(bodyOf))
  })

  it('grows fences when the clock is set back, also across a forget', async () => {
    const { runtime, store, claim } = setUp()
    const first = await claim('a')
    await store.release([first])
    runtime.step(-3_600_000)
    const second = await claim('a', { owner: 'another' })
    expect(second.fence).toBeGreaterThan(first.fence)
    await store.forget([first.id])
    expect((await claim('a')).fence).toBeGreaterThan(second.fence)
    expect((await claim('never seen')).fence).toBeGreaterThan(second.fence)
  })
})

describe('a full memory store', () => {
  const isFull = (error: unknown) => OnlyonceError.is(error) && error.code === 'STORE_UNAVAILABLE'

  it('refuses new operations, and goes on with those it knows', async () => {
    const { store, claim, finish } = setUp(2)
    const lease = await claim('a')
    await claim('b')
    await expect(claim('c')).rejects.toSatisfy(isFull)
    await expect(claim('c')).rejects.toThrow('holds 2 records')
    await claim('a')
    expect(await finish(lease, 1_000)).toEqual(['ok'])
    expect((await store.claim([claimOf('a', { owner: 'another' })]))[0]?.kind).toBe('done')
  })

  it('makes room from what is past its retention, and forgets nothing else', async () => {
    const { runtime, store, claim } = setUp(2)
    await claim('a', { retentionMs: 10 })
    await claim('b')
    await runtime.advance(109)
    await expect(claim('c')).rejects.toSatisfy(isFull)
    await runtime.advance(1)
    await claim('c')
    expect(store.size).toBe(2)
    expect(await store.find([claimOf('a').id])).toEqual([undefined])
    await expect(claim('d')).rejects.toSatisfy(isFull)
  })

  it('has room again as soon as a record is forgotten or swept', async () => {
    const { runtime, store, claim } = setUp(1)
    const { id } = await claim('a')
    await expect(claim('b')).rejects.toSatisfy(isFull)
    await store.forget([id])
    await claim('b')
    await expect(claim('c')).rejects.toSatisfy(isFull)
    await runtime.advance(1_100)
    expect(await store.sweep(1)).toBe(1)
    await claim('c')
  })

  it('notices that a completion lets a record go earlier than its claim had said', async () => {
    const { runtime, claim, finish } = setUp(1)
    const lease = await claim('a')
    await expect(claim('b')).rejects.toSatisfy(isFull)
    await finish(lease, 10)
    await runtime.advance(9)
    await expect(claim('b')).rejects.toSatisfy(isFull)
    await runtime.advance(1)
    await claim('b')
  })

  it('notices that a takeover lets a record go earlier than the claim before it had said', async () => {
    const { runtime, claim } = setUp(1)
    await claim('a', { retentionMs: 3_600_000 })
    await expect(claim('b')).rejects.toSatisfy(isFull)
    await runtime.advance(100)
    await claim('a', { owner: 'another', retentionMs: 10 })
    await runtime.advance(109)
    await expect(claim('b')).rejects.toSatisfy(isFull)
    await runtime.advance(1)
    await claim('b')
  })

  it('does not search all its records for each claim that it refuses', async () => {
    const { store, runtime, claim } = setUp(500)
    await store.claim(Array.from({ length: 500 }, (_, index) => claimOf(`n${index}`)))
    const clock = vi.spyOn(runtime, 'now')
    await expect(claim('one')).rejects.toSatisfy(isFull)
    const started = performance.now()
    for (let round = 0; round < 2_000; round++) await expect(claim('more')).rejects.toSatisfy(isFull)
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(clock).toHaveBeenCalled()
  })
})

describe('watching the memory store', () => {
  it('wakes on completion, release, forget and sweep, and not on claim or renew', async () => {
    const { runtime, store, claim, finish } = setUp()
    const wakes: string[] = []
    const watchAs = (name: string) => store.watch?.(claimOf(name).id, () => wakes.push(name))
    for (const name of ['completed', 'released', 'forgotten', 'swept', 'running']) watchAs(name)
    const running = await claim('running', { retentionMs: 100_000 })
    await store.renew([{ lease: running, leaseMs: 200, retentionMs: 100_000 }])
    await finish(await claim('completed'), 10_000)
    expect(wakes).toEqual(['completed'])
    await store.release([await claim('released', { retentionMs: 100_000 })])
    await store.forget([(await claim('forgotten')).id])
    await claim('swept')
    await runtime.advance(1_100)
    await store.sweep(10)
    expect(wakes).toEqual(['completed', 'released', 'forgotten', 'swept'])
  })

  it('keeps nothing of a watcher that left, and lets another come', async () => {
    const { store, claim, finish } = setUp()
    const lease = await claim('a')
    const [first, second, third] = [vi.fn(), vi.fn(), vi.fn()]
    const stopFirst = store.watch?.(lease.id, first)
    const stopSecond = store.watch?.(lease.id, second)
    stopFirst?.()
    stopSecond?.()
    store.watch?.(lease.id, third)
    stopFirst?.()
    stopSecond?.()
    await finish(lease, 1_000)
    expect([first, second, third].map((one) => one.mock.calls.length)).toEqual([0, 0, 1])
  })

  it('wakes nobody after it was disposed of', async () => {
    const { store, claim, finish } = setUp()
    const wake = vi.fn()
    store.watch?.(claimOf('a').id, wake)
    await store[Symbol.asyncDispose]()
    await finish(await claim('a'), 1_000)
    expect(wake).not.toHaveBeenCalled()
  })
})
