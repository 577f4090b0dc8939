import { describe, expect, it } from 'vitest'
import type { ObservedRecord } from '../../src/core/record.ts'
import { leftAloneMs } from '../../src/guards/completer/due.ts'
import { abandonedWorld, LEASE_MS } from './completer-kit.ts'

it('a listener that rejects or throws is reported, and changes nothing', async () => {
  for (const failing of [() => Promise.reject(new Error('telemetry')), () => expect.fail('telemetry')]) {
    const reported: unknown[] = []
    const { leaveBehind, complete, afterLease } = abandonedWorld({ onListenerError: (error) => reported.push(error) })
    await leaveBehind('a')
    await afterLease()
    expect(await complete({ test: () => 'paid' }, { onEvent: failing }).round()).toMatchObject({ completed: 1 })
    expect(String(reported)).toContain('telemetry')
  }
})

describe('a handler that throws', () => {
  it('leaves the operation to be carried on later, by any completer, with a growing pause', async () => {
    const { leaveBehind, complete, afterLease, runtime, told, store } = abandonedWorld()
    await leaveBehind('a')
    await afterLease()
    let down = true
    const handler = () => (down ? Promise.reject(new Error('gateway is down')) : 'paid')
    const again = () => complete({ test: handler }, { backoffMs: 10_000 }).round()
    expect(await again()).toMatchObject({ seen: 1, failed: 1 })
    expect(told('failed')).toMatchObject([{ error: { message: 'gateway is down' }, starts: 2, final: false }])
    await runtime.advance(LEASE_MS + 4_000)
    expect(await again()).toMatchObject({ seen: 1, failed: 0, completed: 0 })
    await runtime.advance(6_000)
    expect(await again()).toMatchObject({ seen: 1, failed: 1 })
    await runtime.advance(LEASE_MS + 9_900)
    expect(await again()).toMatchObject({ seen: 1, failed: 0 })
    down = false
    await runtime.advance(10_100)
    expect(await again()).toMatchObject({ completed: 1 })
    expect((await store.list({ state: 'done', limit: 9 })).items).toHaveLength(1)
  })

  it('ends the operation with the error when onThrow remembers it', async () => {
    const onThrow = (error: unknown) => (String(error).includes('declined') ? 'remember' : 'release')
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld({ onThrow })
    await leaveBehind('a')
    await afterLease()
    await complete({ test: () => Promise.reject(new Error('declined')) }).round()
    expect(told('failed')).toMatchObject([{ final: true }])
    await expect(once('a', () => 'never')).rejects.toThrow('declined')
  })

  it('does not end the operation with the error that told it to stop', async () => {
    const { leaveBehind, complete, afterLease, told, runtime, store } = abandonedWorld({
      onThrow: 'remember',
      maxRunMs: LEASE_MS,
    })
    await leaveBehind('a')
    await afterLease()
    const stoppable = ({ signal }: { readonly signal: AbortSignal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const round = complete({ test: stoppable }).round()
    await runtime.advance(2 * LEASE_MS)
    await round
    expect(told('failed')).toMatchObject([{ error: { code: 'LEASE_LOST' }, final: false }])
    expect((await store.list({ state: 'abandoned', limit: 9 })).items).toHaveLength(1)
  })

  it('is tried again when onThrow itself throws', async () => {
    const reported: unknown[] = []
    const onThrow = () => {
      throw new Error('policy')
    }
    const { leaveBehind, complete, afterLease, told } = abandonedWorld({
      onThrow,
      onListenerError: (error) => reported.push(error),
    })
    await leaveBehind('a')
    await afterLease()
    await complete({ test: () => Promise.reject(new Error('no')) }).round()
    expect(told('failed')).toMatchObject([{ final: false }])
    expect(reported).toMatchObject([{ message: 'policy' }])
    await afterLease()
    expect(await complete({ test: () => 1 }).round()).toMatchObject({ seen: 1 })
  })

  it('has ended it when its result cannot be stored', async () => {
    const { leaveBehind, complete, afterLease, told } = abandonedWorld()
    await leaveBehind('a')
    await afterLease()
    await complete({ test: () => () => {} }).round()
    expect(told('failed')).toMatchObject([{ error: { code: 'RESULT_UNSERIALIZABLE' }, final: true }])
    await afterLease()
    expect(await complete({ test: () => 1 }).round()).toMatchObject({ seen: 0 })
  })
})

describe('onAbandoned', () => {
  it('may find that it happened: the handler does not run', async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld({
      onAbandoned: (op) => ({ happened: true, value: `${op.key} at the gateway` }),
    })
    await leaveBehind('a')
    await afterLease()
    expect(await complete({ test: () => expect.fail('ran') }).round()).toMatchObject({ completed: 1 })
    expect(told('completed')).toMatchObject([{ ran: false }])
    expect(await once('a', () => 'never')).toBe('a at the gateway')
  })

  it('that cannot tell is asked again later, and nothing runs', async () => {
    let asked = 0
    const onAbandoned = () => {
      if (++asked === 1) throw new Error('gateway is down')
      return { happened: asked === 2 ? ('perhaps' as unknown as boolean) : false }
    }
    const { leaveBehind, complete, afterLease, told, runtime } = abandonedWorld({ onAbandoned })
    await leaveBehind('a')
    await afterLease()
    let ran = 0
    const { round } = complete({ test: () => void ran++ }, { backoffMs: 1_000 })
    for (const expected of [0, 0, 1]) {
      await round()
      expect(ran).toBe(expected)
      await runtime.advance(3 * LEASE_MS)
    }
    expect(asked).toBe(3)
    expect(told('failed')).toHaveLength(2)
    expect(told('completed')).toHaveLength(1)
  })

  it("'hold' parks it for a person", async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld({ onAbandoned: 'hold' })
    await leaveBehind('a')
    await afterLease()
    await complete({ test: () => expect.fail('ran') }).round()
    expect(told('held')).toMatchObject([{ key: 'a' }])
    expect((await once.find('a'))?.state).toBe('unknown')
  })

  it('may be another one for the completer', async () => {
    const { leaveBehind, complete, afterLease, told } = abandonedWorld({ onAbandoned: 'hold' })
    await leaveBehind('a')
    await afterLease()
    await complete({ test: () => 1 }, { call: { onAbandoned: 'retry' } }).round()
    expect(told('completed')).toMatchObject([{ ran: true }])
  })
})

describe('an operation that never ends', () => {
  const failing = () => Promise.reject(new Error('no'))

  it('is given up after maxStarts starts and waits for a person', async () => {
    const { once, leaveBehind, complete, afterLease, told, runtime } = abandonedWorld()
    await leaveBehind('a')
    await afterLease()
    const { round } = complete({ test: failing }, { maxStarts: 3, backoffMs: 1 })
    for (let i = 0; i < 5; i++) {
      await round()
      await runtime.advance(3 * LEASE_MS)
    }
    expect(told('failed')).toHaveLength(2)
    expect(told('given-up')).toMatchObject([{ key: 'a', starts: 3, held: true }])
    expect((await once.find('a'))?.state).toBe('unknown')
    expect((await round()).seen).toBe(0)
  })

  it("is left as it is with onGivenUp: 'leave', and told once", async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld()
    await leaveBehind('a')
    await afterLease()
    const { round } = complete({ test: failing }, { maxStarts: 1, onGivenUp: 'leave' })
    expect([(await round()).givenUp, (await round()).givenUp]).toEqual([1, 0])
    expect(told('given-up')).toMatchObject([{ starts: 1, held: false }])
    expect((await once.find('a'))?.state).toBe('abandoned')
    expect(await once('a', () => 'a caller may')).toBe('a caller may')
  })
})

describe('the pause', () => {
  const record = (starts: number, id = 'a'.repeat(32)) =>
    ({ id, starts, fence: 7, leaseUntil: 1_000, readAt: 1_000 }) as ObservedRecord
  const patience = { backoffMs: 100, maxBackoffMs: 1_000 }

  it('is none at first, doubles, ends at the longest, and keeps at least half of it', () => {
    expect(leftAloneMs(record(1), patience)).toBe(0)
    for (const [starts, ceiling] of [
      [2, 100],
      [3, 200],
      [5, 800],
      [6, 1_000],
      [900, 1_000],
    ] as const) {
      const pause = leftAloneMs(record(starts), patience)
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2)
      expect(pause).toBeLessThanOrEqual(ceiling)
    }
  })

  it('is the same for whoever looks, and another one for each operation', () => {
    expect(leftAloneMs(record(3), patience)).toBe(leftAloneMs(record(3), patience))
    const pauses = new Set(['a', 'b', 'c', 'd'].map((digit) => leftAloneMs(record(3, digit.repeat(32)), patience)))
    expect(pauses.size).toBe(4)
  })
})

it('a store whose client throws an error of its own is told by the code of ours', async () => {
  const world = abandonedWorld()
  const store = { ...world.store, list: () => Promise.reject(new Error('ECONNREFUSED')) }
  const { round } = world.complete({ payments: () => 'paid' }, { once: { ...world.once, store } })
  await expect(round()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})
