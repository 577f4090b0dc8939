import { afterEach, describe, expect, it, vi } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { sleep, systemRuntime } from './runtime.ts'

describe('systemRuntime', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('tells the time in milliseconds since 1970', () => {
    const before = Date.now()
    const now = systemRuntime.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Date.now())
  })

  it('measures time with a clock that nobody sets', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const before = systemRuntime.elapsed()
    vi.setSystemTime(0)
    const after = systemRuntime.elapsed()
    expect(after).toBeGreaterThanOrEqual(before)
    expect(after - before).toBeLessThan(1_000)
  })

  it('makes tokens of 128 random bits in hex, each new', () => {
    const tokens = Array.from({ length: 1_000 }, () => systemRuntime.token())
    for (const token of tokens) expect(token).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(tokens).size).toBe(1_000)
    expect(new Set(tokens.map((token) => token.slice(0, 16))).size).toBe(1_000)
    expect(new Set(tokens.map((token) => token.slice(16))).size).toBe(1_000)
  })

  it('makes random numbers from 0 up to 1', () => {
    const numbers = Array.from({ length: 100 }, () => systemRuntime.random())
    expect(numbers.every((one) => one >= 0 && one < 1)).toBe(true)
    expect(new Set(numbers).size).toBeGreaterThan(90)
  })

  it('wakes once, after the time and not before, unless cancelled', () => {
    vi.useFakeTimers()
    const wake = vi.fn()
    const cancelled = vi.fn()
    systemRuntime.after(100, wake)
    const cancel = systemRuntime.after(100, cancelled)
    cancel()
    cancel()
    vi.advanceTimersByTime(99)
    expect(wake).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(wake).toHaveBeenCalledOnce()
    expect(cancelled).not.toHaveBeenCalled()
  })
})

describe('sleep', () => {
  const settled = async (work: Promise<void>) => {
    let done = false
    void work.then(() => {
      done = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    return () => done
  }

  it('ends after its time and not before', async () => {
    const runtime = fakeRuntime()
    const over = await settled(sleep(runtime, 10))
    await runtime.advance(9)
    expect(over()).toBe(false)
    await runtime.advance(1)
    expect(over()).toBe(true)
  })

  it('ends at once when the signal aborts, and takes its timer with it', async () => {
    const runtime = fakeRuntime()
    const stop = new AbortController()
    const sleeping = sleep(runtime, 10, stop.signal)
    expect(runtime.pending).toBe(1)
    stop.abort()
    await sleeping
    expect(runtime.pending).toBe(0)
  })

  it('does not begin when the signal has aborted already', async () => {
    const runtime = fakeRuntime()
    await sleep(runtime, 10, AbortSignal.abort())
    expect(runtime.pending).toBe(0)
  })

  it('leaves no listener behind on a signal that outlives it', async () => {
    const runtime = fakeRuntime()
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const sleeping = sleep(runtime, 10, signal)
    await runtime.advance(10)
    await sleeping
    expect(added).toHaveBeenCalledExactlyOnceWith('abort', expect.any(Function), { once: true })
    expect(removed).toHaveBeenCalledExactlyOnceWith('abort', added.mock.lastCall?.[1])
  })
})
