import { describe, expect, it } from 'vitest'
import { request } from '../support/claims.ts'
import { granted, storeOn, tempFile, value } from './sqlite-helpers.ts'

describe('fences', () => {
  it('grow also over transactions that were undone within one millisecond', async () => {
    const now = 1_700_000_000_000
    const runtime = { now: () => now, elapsed: () => 0, token: () => 't', random: () => 0, after: () => () => {} }
    const store = storeOn(tempFile(), { runtime })
    const seen: number[] = []
    for (let round = 0; round < 5; round++) {
      const work = store.transaction(async (tx) => {
        seen.push(granted(await store.within(tx).claim(request('a'))).lease.fence)
        if (round % 2 === 0) throw new Error('undo')
        await store.within(tx).complete({ lease: { id: '', owner: '', fence: 0 }, result: value(''), retentionMs: 1 })
      })
      await work.catch(() => {})
      await store.forget([request('a').id])
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
    expect(seen).toHaveLength(5)
  })

  it('grow across forget, restart and a clock that is set back by a year', async () => {
    const path = tempFile()
    let now = 1_700_000_000_000
    const runtime = () => ({
      now: () => now,
      elapsed: () => 0,
      token: () => 't',
      random: () => 0,
      after: () => () => {},
    })
    let last = 0
    for (const remove of ['forget', 'sweep', 'forget'] as const) {
      const store = storeOn(path, { runtime: runtime() })
      const { fence } = granted((await store.claim([request('a', { leaseMs: 1, retentionMs: 1 })]))[0]).lease
      expect(fence).toBeGreaterThan(last)
      last = fence
      now += 10
      expect(remove === 'sweep' ? await store.sweep(10) : await store.forget([request('a').id])).toBe(1)
      await store[Symbol.asyncDispose]()
      now -= 365 * 86_400_000
    }
  })
})
