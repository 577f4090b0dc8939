import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Runtime } from './runtime.ts'
import type { WriteOutcome } from './store.ts'

interface More {
  readonly askedAt?: number
  /** What the clock of the process says by then. */
  readonly startAt?: number
  readonly maxRunMs?: number
  /** How late the timer number n, the first being 1, wakes: a process that does not get its turn. */
  readonly lateMs?: Readonly<Record<number, number>>
}

function heartbeat(renew: () => Promise<WriteOutcome>, more: More = {}) {
  const runtime = fakeRuntime()
  const elapsed = () => runtime.elapsed() + (more.startAt ?? 0)
  let timers = 0
  const after: Runtime['after'] = (ms, wake) => runtime.after(ms + (more.lateMs?.[++timers] ?? 0), wake)
  const beats: number[] = []
  const lost: [string, number][] = []
  const beating = new Heartbeat({
    runtime: { ...runtime, elapsed, after },
    leaseMs: 300,
    maxRunMs: more.maxRunMs ?? 1_000,
    askedAt: more.askedAt ?? 0,
    renew: () => {
      beats.push(elapsed())
      return renew()
    },
    onRenewed: () => {},
    onLost: (reason) => lost.push([reason, runtime.elapsed()]),
  })
  return { runtime, beats, lost, stop: () => beating.stop() }
}

const never = () => new Promise<WriteOutcome>(() => {})

describe('a heartbeat', () => {
  it('renews with a third of the lease left, however long the claim took', async () => {
    const { stop, runtime, beats } = heartbeat(async () => 'ok', { askedAt: -170, maxRunMs: 10_000 })
    await runtime.advance(30)
    expect(beats).toEqual([30])
    await runtime.advance(200)
    expect(beats).toEqual([30, 130, 230])
    stop()
    const late = heartbeat(async () => 'ok', { askedAt: -290, maxRunMs: 10_000 })
    await late.runtime.advance(0)
    expect(late.beats).toEqual([0])
    late.stop()
    const later = heartbeat(async () => 'ok', { startAt: 5_000, askedAt: 4_830, maxRunMs: 10_000 })
    await later.runtime.advance(30)
    expect(later.beats).toEqual([5_030])
    later.stop()
  })

  it('renews every third of the lease until maxRunMs is over, then says so once', async () => {
    const { runtime, beats, lost } = heartbeat(async () => 'ok')
    await runtime.advance(5_000)
    expect(beats).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900])
    expect(lost).toEqual([['max-run', 1_000]])
    expect(runtime.pending).toBe(0)
  })

  it('counts maxRunMs from when the claim was sent', async () => {
    const { runtime, lost } = heartbeat(async () => 'ok', { askedAt: -400 })
    await runtime.advance(5_000)
    expect(lost).toEqual([['max-run', 600]])
  })

  it('says that maxRunMs is over when it is, also between two beats', async () => {
    const { runtime, beats, lost } = heartbeat(async () => 'ok', { askedAt: -20, maxRunMs: 470 })
    await runtime.advance(5_000)
    expect(beats).toEqual([100, 200, 300, 400])
    expect(lost).toEqual([['max-run', 450]])
  })

  it('ends at once when another owner has it', async () => {
    const { runtime, beats, lost } = heartbeat(async () => 'lost')
    await runtime.advance(5_000)
    expect(beats).toEqual([100])
    expect(lost).toEqual([['taken-over', 100]])
    expect(runtime.pending).toBe(0)
  })

  it('goes on trying while the store fails, and says that the lease is over when it is', async () => {
    const { runtime, beats, lost } = heartbeat(() => Promise.reject(new Error('down')), { maxRunMs: 700 })
    await runtime.advance(5_000)
    expect(beats).toEqual([100, 200, 300, 400, 500, 600])
    expect(lost).toEqual([['expired', 300]])
  })

  it('says that the lease is over before anybody else can have it, also when renewing began to fail late', async () => {
    // Counted from when a renewal was sent, which is before the store heard of it.
    let left = 1
    const { runtime, lost } = heartbeat(
      () => {
        if (left-- > 0) return new Promise((resolve) => void runtime.after(70, () => resolve('ok')))
        return never()
      },
      { maxRunMs: 5_000 },
    )
    await runtime.advance(5_000)
    expect(lost[0]).toEqual(['expired', 400])
  })

  it('does not wait for an answer longer than a third of the lease', async () => {
    const { runtime, beats, lost } = heartbeat(never)
    await runtime.advance(600)
    expect(beats).toEqual([100, 300, 500])
    expect(lost).toEqual([['expired', 300]])
  })

  it('counts the lease from when the renewal was sent', async () => {
    let answers = 0
    const { runtime, lost } = heartbeat(() =>
      ++answers === 1 ? Promise.resolve('ok') : Promise.reject(new Error('down')),
    )
    await runtime.advance(399)
    expect(lost).toEqual([])
    await runtime.advance(1)
    expect(lost).toEqual([['expired', 400]])
  })

  // The timers of a heartbeat that gets its answers: a beat, the limit of its renewal, the next beat.
  it('that did not get its turn for a whole lease asks before it gives up', async () => {
    const { runtime, beats, lost } = heartbeat(async () => 'ok', { lateMs: { 3: 400 } })
    await runtime.advance(650)
    expect(beats).toEqual([100, 600])
    expect(lost).toEqual([])
  })

  it('that got its turn late waits for the answer no longer than the lease has left', async () => {
    let answers = 0
    const { runtime, lost } = heartbeat(() => (++answers === 1 ? Promise.resolve('ok') : never()), {
      lateMs: { 3: 150 },
    })
    await runtime.advance(1_000)
    expect(lost[0]).toEqual(['expired', 400])
  })

  it('tells a loss once, even when a certain one follows a feared one', async () => {
    let answers = 0
    const { runtime, lost } = heartbeat(() =>
      ++answers < 4 ? Promise.reject(new Error('down')) : Promise.resolve('lost'),
    )
    await runtime.advance(5_000)
    expect(lost).toEqual([['expired', 300]])
    expect(runtime.pending).toBe(0)
  })

  it('is silent after stop, also about an answer that was on its way', async () => {
    const { runtime, beats, lost, stop } = heartbeat(
      () => new Promise((resolve) => runtime.after(50, () => resolve('lost'))),
    )
    await runtime.advance(120)
    stop()
    await runtime.advance(5_000)
    expect(beats).toEqual([100])
    expect(lost).toEqual([])
    expect(runtime.pending).toBe(0)
  })

  it('stops before the first beat', async () => {
    const { runtime, beats, stop } = heartbeat(async () => 'ok')
    stop()
    await runtime.advance(5_000)
    expect(beats).toEqual([])
  })
})
