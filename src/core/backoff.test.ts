import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { backoff, ceilingMs, fullJitterMs } from './backoff.ts'

const at = (random: number) => ({ ...fakeRuntime(), random: () => random })

describe('backoff', () => {
  it('grows by 1.6 up to the cap', () => {
    const delay = backoff(at(1), 10, 30)
    expect([delay(), delay(), delay(), delay(), delay()]).toEqual([10, 16, 25.6, 30, 30])
  })

  it('takes between half of it and all of it', () => {
    expect(backoff(at(0), 10, 30)()).toBe(5)
    expect(backoff(at(0.5), 10, 30)()).toBe(7.5)
  })
})

describe('ceilingMs', () => {
  const rule = { backoffMs: 200, maxBackoffMs: 1_000 }

  it('doubles with each failure after the first, up to the maximum', () => {
    expect([1, 2, 3, 4, 5].map((failures) => ceilingMs(rule, failures))).toEqual([200, 400, 800, 1_000, 1_000])
  })

  it('is the maximum after any number of failures', () => {
    expect(ceilingMs(rule, Number.MAX_SAFE_INTEGER)).toBe(1_000)
  })

  it('is what full jitter stays below', () => {
    expect([0, 0.5, 1].map((random) => fullJitterMs(at(random), rule, 2))).toEqual([0, 200, 400])
  })
})
