import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { engine } from '../../test/engine-kit.ts'
import { type MemoryStore, memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import type { Store } from './store.ts'
import { createSweeper } from './sweeper.ts'

const calls = new AsyncLocalStorage<string>()

function setup(sweep: Store['sweep'], selfExpiring = false) {
  const runtime = fakeRuntime()
  const limits: number[] = []
  const failures: unknown[] = []
  const memory = memoryStore({ runtime })
  const store: Store = {
    ...memory,
    traits: { ...memory.traits, selfExpiring },
    sweep: (limit) => {
      limits.push(limit)
      return sweep(limit)
    },
  }
  const onFailure = (verb: string, error: unknown) => failures.push([verb, error])
  const sweeper = createSweeper(store, { runtime, sweepEveryMs: 1_000, storeTimeoutMs: 300, onFailure })
  return { runtime, limits, failures, sweeper }
}

describe('the sweeper', () => {
  it('sweeps at the first touch after its time, and then not before it is due again', async () => {
    const { runtime, limits, sweeper } = setup(async () => 499)
    sweeper.touch()
    await runtime.advance(999)
    sweeper.touch()
    expect(limits).toEqual([])
    await runtime.advance(1)
    sweeper.touch()
    sweeper.touch()
    await sweeper.drained()
    sweeper.touch()
    expect(limits).toEqual([500])
    await runtime.advance(1_000)
    sweeper.touch()
    expect(limits).toEqual([500, 500])
  })

  it('goes on at once while there is more than one sweep removes', async () => {
    let left = 1_200
    const { runtime, limits, sweeper } = setup(async (limit) => {
      const removed = Math.min(limit, left)
      left -= removed
      return removed
    })
    await runtime.advance(1_000)
    for (let i = 0; i < 10; i++) {
      sweeper.touch()
      await sweeper.drained()
    }
    expect(left).toBe(0)
    expect(limits).toHaveLength(3)
  })

  it('reports a failure and tries again when it is due', async () => {
    const down = new Error('down')
    const { runtime, limits, failures, sweeper } = setup(() => Promise.reject(down))
    await runtime.advance(1_000)
    sweeper.touch()
    await sweeper.drained()
    sweeper.touch()
    expect(failures).toEqual([['sweep', down]])
    await runtime.advance(1_000)
    sweeper.touch()
    expect(limits).toHaveLength(2)
  })

  it('leaves a store alone that expires records itself', async () => {
    const { runtime, limits, sweeper } = setup(async () => 0, true)
    await runtime.advance(5_000)
    sweeper.touch()
    const running = sweeper.run(1_000)
    await runtime.advance(5_000)
    await running.stop()
    expect(limits).toEqual([])
  })

  it('gives up a sweep that is never answered, so that neither the next nor the end waits for it', async () => {
    const { runtime, limits, failures, sweeper } = setup(() => new Promise(() => {}))
    await runtime.advance(1_000)
    sweeper.touch()
    const running = sweeper.run(400)
    await runtime.advance(300)
    const silent = ['sweep', new Error('no answer within 300 ms')]
    expect(failures).toEqual([silent, silent])
    await runtime.advance(1_000)
    sweeper.touch()
    expect(limits).toHaveLength(4)
    let drained = false
    void sweeper.drained().then(() => {
      drained = true
    })
    await runtime.advance(300)
    expect(drained).toBe(true)
    await running.stop()
    expect(runtime.pending).toBe(0)
  })
})

describe('once.sweeper', () => {
  async function swept(count: number) {
    const kit = engine({ retentionMs: 3_000 })
    for (let n = 0; n < count; n++) await kit.once(`k${n}`, () => n)
    await kit.runtime.advance(60_000)
    return { ...kit, size: () => (kit.store as MemoryStore).size }
  }

  it('removes all that is due at once, in batches, and goes on every everyMs', async () => {
    const { once, runtime, size } = await swept(1_200)
    expect(size()).toBe(1_200)
    const sweeper = once.sweeper({ everyMs: 1_000 })
    await runtime.advance(10)
    expect(size()).toBe(0)
    await once('later', () => 1)
    await runtime.advance(5_000)
    expect(size()).toBe(0)
    await sweeper.stop()
    expect(runtime.pending).toBe(0)
  })

  it('ends with the engine', async () => {
    const { once, runtime } = await swept(1)
    once.sweeper()
    await runtime.advance(10)
    expect(runtime.pending).toBeGreaterThan(0)
    await once.close()
    expect(runtime.pending).toBe(0)
    expect(() => once.sweeper()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('goes on after a sweep that failed, and tells of it', async () => {
    const { open, runtime, events, store } = engine({ retentionMs: 3_000 })
    let failing = true
    const error = new Error('down')
    const once = open({}, (verb) => (verb === 'sweep' && failing ? { kind: 'lose-request', error } : undefined))
    await once('k', () => 1)
    await runtime.advance(10_000)
    once.sweeper({ everyMs: 1_000 })
    await runtime.advance(2_500)
    const failed = { type: 'store-failed', scope: 'test', key: '', verb: 'sweep', code: 'STORE_UNAVAILABLE', error }
    expect(events).toContainEqual(failed)
    failing = false
    await runtime.advance(10_000)
    expect((store as MemoryStore).size).toBe(0)
    await once.close()
  })

  it('sweeps outside the call that started it, which may be inside a transaction', async () => {
    const seen: unknown[] = []
    const { runtime, sweeper } = setup(async () => {
      seen.push(calls.getStore())
      return 0
    })
    calls.run('the call', () => sweeper.run(1_000))
    await runtime.advance(1_000)
    await sweeper.drained()
    expect(seen).toEqual([undefined, undefined])
  })

  it.each([0, -1, 1.5, '1s'])('refuses everyMs %j', (everyMs) => {
    const { once } = engine()
    expect(() => once.sweeper({ everyMs: everyMs as number })).toThrow(/option `everyMs` must be a positive integer/)
  })
})
