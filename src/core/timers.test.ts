import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTimers } from './timers.ts'

describe('timers', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const timers = () => createTimers(() => performance.now())

  it('wake in the order in which they are due, each once', () => {
    const set = timers()
    const woken: string[] = []
    set(20, () => woken.push('late'))
    set(10, () => woken.push('early'))
    vi.advanceTimersByTime(5)
    set(10, () => woken.push('between'))
    vi.advanceTimersByTime(4)
    expect(woken).toEqual([])
    vi.advanceTimersByTime(1)
    expect(woken).toEqual(['early'])
    vi.advanceTimersByTime(5)
    expect(woken).toEqual(['early', 'between'])
    vi.advanceTimersByTime(100)
    expect(woken).toEqual(['early', 'between', 'late'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('never wake what was cancelled, also by another that was due with it', () => {
    const set = timers()
    const woken: string[] = []
    const cancelFirst = set(10, () => woken.push('first'))
    set(10, () => {
      woken.push('second')
      cancelThird()
      cancelThird()
    })
    const cancelThird = set(10, () => woken.push('third'))
    set(10, () => woken.push('fourth'))
    cancelFirst()
    cancelFirst()
    vi.advanceTimersByTime(100)
    expect(woken).toEqual(['second', 'fourth'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('set while others wake take their whole time', () => {
    const set = timers()
    const woken: number[] = []
    set(10, () => void set(10, () => woken.push(performance.now() - start)))
    const start = performance.now()
    set(10, () => {})
    vi.advanceTimersByTime(100)
    expect(woken).toEqual([20])
  })

  it('cancelled after they woke change nothing for those that wait', () => {
    const set = timers()
    const woken: string[] = []
    const cancel = set(10, () => woken.push('first'))
    vi.advanceTimersByTime(5)
    set(10, () => woken.push('second'))
    vi.advanceTimersByTime(5)
    cancel()
    vi.advanceTimersByTime(5)
    expect(woken).toEqual(['first', 'second'])
  })

  it.each([
    [2 ** 31, 2 ** 31 - 1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [1e15, 2 ** 31 - 1],
    [7, 7],
    [0.5, 0.5],
    [0, 0],
    [-5, 0],
  ])('ask for a timer that can be had: %d ms', (ms, asked) => {
    const timer = vi.spyOn(globalThis, 'setTimeout')
    timers()(ms, () => {})()
    expect(timer.mock.lastCall?.[1]).toBe(asked)
    timer.mockRestore()
  })

  it('cancelled twice change nothing for the others of their length, odd lengths too', () => {
    const set = timers()
    for (const ms of [10, 10.5]) {
      const woken = vi.fn()
      const cancel = set(ms, () => expect.fail('was cancelled'))
      set(ms, woken)
      cancel()
      cancel()
      vi.advanceTimersByTime(11)
      expect(woken).toHaveBeenCalledOnce()
    }
  })

  it('longer than the longest that can be had are waited for in pieces', () => {
    const set = timers()
    const wake = vi.fn()
    set(2 ** 31 + 1_000, wake)
    vi.advanceTimersByTime(2 ** 31)
    expect(wake).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(wake).toHaveBeenCalledOnce()
  })

  it('of one length share one underneath, and keep the process alive only while one of them waits', () => {
    vi.useRealTimers()
    const timer = vi.spyOn(globalThis, 'setTimeout')
    const set = timers()
    const cancels = Array.from({ length: 3 }, () => set(60_000, () => {}))
    expect(timer).toHaveBeenCalledOnce()
    const underneath = timer.mock.results[0]?.value as NodeJS.Timeout
    expect(underneath.hasRef()).toBe(true)
    cancels[0]?.()
    cancels[1]?.()
    expect(underneath.hasRef()).toBe(true)
    cancels[2]?.()
    expect(underneath.hasRef()).toBe(false)
    set(60_000, () => {})()
    set(60_000, () => {})
    expect(timer).toHaveBeenCalledOnce()
    expect(underneath.hasRef()).toBe(true)
    clearTimeout(underneath)
    timer.mockRestore()
  })

  it('of an odd length that was cancelled leave nothing behind', () => {
    const set = timers()
    set(10.5, () => {})()
    expect(vi.getTimerCount()).toBe(0)
    const wake = vi.fn()
    set(10.5, wake)
    vi.advanceTimersByTime(11)
    expect(wake).toHaveBeenCalledOnce()
  })

  it('keep nothing alive once the last of them was woken or cancelled', () => {
    const timer = vi.spyOn(globalThis, 'setTimeout')
    const set = timers()
    set(10, () => {})
    set(10, () => {})
    vi.advanceTimersByTime(10)
    set(10, () => {})()
    const underneath = timer.mock.results.at(-1)?.value as NodeJS.Timeout
    expect(underneath.hasRef()).toBe(false)
    timer.mockRestore()
  })

  it('may cancel the last of those that wait behind them', () => {
    const set = timers()
    const woken = vi.fn(() => cancel())
    set(10, woken)
    vi.advanceTimersByTime(5)
    const cancel = set(10, () => expect.fail('cancelled'))
    vi.advanceTimersByTime(5)
    expect(woken).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('may cancel the last of those that are due with them', () => {
    const set = timers()
    set(10, () => cancel())
    const cancel = set(10, () => expect.fail('cancelled'))
    vi.advanceTimersByTime(10)
    const wake = vi.fn()
    set(10, wake)
    vi.advanceTimersByTime(10)
    expect(wake).toHaveBeenCalledOnce()
  })

  it('ask for the next timer underneath only when somebody is due then', () => {
    const timer = vi.spyOn(globalThis, 'setTimeout')
    const set = timers()
    set(10, () => {})
    vi.advanceTimersByTime(2)
    set(10, () => {})()
    const cancel = set(10, () => {})
    vi.advanceTimersByTime(3)
    set(10, () => {})
    cancel()
    vi.advanceTimersByTime(100)
    expect(timer.mock.calls.map(([, ms]) => ms)).toEqual([10, 5])
    timer.mockRestore()
  })

  it('wake in the async context of nobody, whoever set the first of those that share one', async () => {
    vi.useRealTimers()
    const set = timers()
    const context = new AsyncLocalStorage<string>()
    const woken = (name: string) =>
      context.run(name, () => new Promise((resolve) => set(10, () => resolve(context.getStore()))))
    expect(await Promise.all([woken('first'), woken('second')])).toEqual([undefined, undefined])
  })

  it('wake after fake timers were installed, and after they were removed again', async () => {
    vi.useRealTimers()
    const set = timers()
    set(20, () => expect.fail('cancelled'))()
    vi.useFakeTimers()
    const wake = vi.fn()
    set(20, wake)
    vi.advanceTimersByTime(20)
    expect(wake).toHaveBeenCalledOnce()
    set(20, () => expect.fail('cancelled'))()
    vi.useRealTimers()
    await new Promise<void>((resolve) => set(20, resolve))
  })

  it('still wake when thousands around them were cancelled', () => {
    const set = timers()
    const woken: number[] = []
    for (let n = 0; n < 10_000; n++) {
      const cancel = set(10, () => woken.push(n))
      if (n % 1_000 !== 0) cancel()
    }
    vi.advanceTimersByTime(10)
    expect(woken).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000])
  })
})
