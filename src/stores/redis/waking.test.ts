import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { OperationId } from '../../core/record.ts'
import { createWaking } from './waking.ts'

const ID = '0123456789abcdef0123456789abcdef' as OperationId

/** A port that says what it was asked to subscribe to; each subscription answers what `answer` gives. */
function subscriptions(answer: (count: number) => Promise<void>) {
  const signals: AbortSignal[] = []
  const waking = createWaking(
    {
      subscribe(_channel, _listener, signal) {
        signals.push(signal)
        return answer(signals.length)
      },
    },
    'wake',
  )
  return { waking, signals, ended: () => signals.map(({ aborted }) => aborted) }
}

describe('the subscription of waiters', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is one for all of them, and ends a while after the last has gone', async () => {
    const { waking, ended } = subscriptions(async () => {})
    const stops = [waking.watch(ID, () => {}), waking.watch(ID, () => {})]
    for (const stop of stops) stop()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(ended()).toEqual([false])
    await vi.advanceTimersByTimeAsync(1)
    expect(ended()).toEqual([true])
  })

  it('that was refused is asked for again after a moment, also while waiters come and go', async () => {
    const { waking, signals } = subscriptions((count) =>
      count === 1 ? Promise.reject(new Error('NOPERM')) : Promise.resolve(),
    )
    waking.watch(ID, () => {})
    for (let ms = 0; ms < 2_000; ms += 100) {
      waking.watch(ID, () => {})()
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(signals).toHaveLength(2)
  })

  it('that was refused is not asked for again when nobody waits', async () => {
    const { waking, signals } = subscriptions(() => Promise.reject(new Error('NOPERM')))
    waking.watch(ID, () => {})()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(signals).toHaveLength(1)
  })

  it('that was given up is not asked for again by what becomes of it later', async () => {
    let refuse = (_error: Error) => {}
    const { waking, signals } = subscriptions(
      () =>
        new Promise((_resolve, reject) => {
          refuse = reject
        }),
    )
    waking.watch(ID, () => {})()
    await vi.advanceTimersByTimeAsync(5_000)
    refuse(new Error('aborted'))
    waking.watch(ID, () => {})
    await vi.advanceTimersByTimeAsync(5_000)
    expect(signals).toHaveLength(2)
  })

  it('wakes everybody once it stands: who was settled before that published to nobody', async () => {
    const { waking } = subscriptions(async () => {})
    const woken = vi.fn()
    waking.watch(ID, woken)
    await vi.advanceTimersByTimeAsync(0)
    expect(woken).toHaveBeenCalledOnce()
  })

  it('that never stands holds up nobody who closes, and is given up', () => {
    const { waking, ended } = subscriptions(() => new Promise(() => {}))
    waking.watch(ID, () => {})
    waking.close()
    expect(ended()).toEqual([true])
    waking.watch(ID, () => {})
    expect(ended()).toHaveLength(1)
  })
})
