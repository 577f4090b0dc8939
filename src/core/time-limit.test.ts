import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { msUntil, timeLimit } from './time-limit.ts'

describe('timeLimit', () => {
  it('answers what the promise answers in time, and leaves no timer', async () => {
    const runtime = fakeRuntime()
    expect(await timeLimit(runtime, Promise.resolve(1), 10, () => 'late')).toBe(1)
    await expect(timeLimit(runtime, Promise.reject('no'), 10, () => 'late')).rejects.toBe('no')
    expect(runtime.pending).toBe(0)
  })

  it('throws when time is over, and drops the late answer', async () => {
    const runtime = fakeRuntime()
    const late = new Promise((_, reject) => runtime.after(20, () => reject(new Error('unheard'))))
    const limited = timeLimit(runtime, late, 10, () => 'late').catch((error: unknown) => error)
    await runtime.advance(30)
    expect(await limited).toBe('late')
  })
})

it('the time until a deadline is whole, and never less than none', async () => {
  const runtime = fakeRuntime()
  await runtime.advance(100)
  const now = runtime.elapsed()
  expect([now + 10, now + 9.2, now, now - 5].map((deadline) => msUntil(runtime, deadline))).toEqual([10, 10, 0, 0])
})
