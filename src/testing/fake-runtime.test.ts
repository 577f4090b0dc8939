import { describe, expect, it } from 'vitest'
import { sleep } from '../core/runtime.ts'
import { fakeRuntime } from './fake-runtime.ts'

describe('fakeRuntime', () => {
  it('stands still until it is advanced', async () => {
    const runtime = fakeRuntime({ now: 1_000 })
    expect([runtime.now(), runtime.elapsed()]).toEqual([1_000, 0])
    await runtime.advance(250)
    expect([runtime.now(), runtime.elapsed()]).toEqual([1_250, 250])
    expect(new Date(fakeRuntime().now()).toISOString()).toBe('2026-01-01T00:00:00.000Z')
  })

  it('calls timers in the order in which they fall due, each at its own moment', async () => {
    const runtime = fakeRuntime({ now: 0 })
    const heard: string[] = []
    for (const [name, ms] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
      ['b2', 20],
      ['late', 31],
    ] as const) {
      runtime.after(ms, () => heard.push(`${name}@${runtime.now()}`))
    }
    expect(runtime.pending).toBe(5)
    await runtime.advance(30)
    expect(heard).toEqual(['a@10', 'b@20', 'b2@20', 'c@30'])
    expect(runtime.pending).toBe(1)
    await runtime.advance(1)
    expect(heard.at(-1)).toBe('late@31')
  })

  it('calls no timer that was cancelled, also by one that is due at the same moment', async () => {
    const runtime = fakeRuntime()
    const heard: string[] = []
    runtime.after(10, () => {
      heard.push('first')
      cancel()
      cancel()
    })
    const cancel = runtime.after(10, () => heard.push('second'))
    await runtime.advance(10)
    expect(heard).toEqual(['first'])
    expect(runtime.pending).toBe(0)
  })

  it('lets promises run between two timers, and timers that they set take part', async () => {
    const runtime = fakeRuntime({ now: 0 })
    const heard: number[] = []
    const work = async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(runtime, 10)
        heard.push(runtime.now())
      }
    }
    const done = work()
    await runtime.advance(100)
    await done
    expect(heard).toEqual([10, 20, 30])
    expect(runtime.now()).toBe(100)
  })

  it('calls what is due at once by advancing 0 ms', async () => {
    const runtime = fakeRuntime()
    const heard: number[] = []
    runtime.after(0, () => heard.push(0))
    runtime.after(-5, () => heard.push(-5))
    runtime.after(1, () => heard.push(1))
    await runtime.advance(0)
    expect(heard).toEqual([0, -5])
  })

  it('rejects with what a timer throws, and can go on afterwards', async () => {
    const runtime = fakeRuntime({ now: 0 })
    const heard: string[] = []
    runtime.after(10, () => {
      throw new Error('broken timer')
    })
    runtime.after(20, () => heard.push('next'))
    await expect(runtime.advance(30)).rejects.toThrow('broken timer')
    expect([runtime.now(), heard]).toEqual([10, []])
    await runtime.advance(10)
    expect(heard).toEqual(['next'])
  })

  it.each([{ now: new Date(0) }, { now: '2026-01-01' }, { now: Number.NaN }, { seed: 'one' }])(
    'refuses %j, with which times or tokens would be none',
    (options) => {
      const refused = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('a number') })
      expect(() => fakeRuntime(options as never)).toThrow(refused)
    },
  )

  it('refuses what is no number, which would be put behind the time as text', async () => {
    const runtime = fakeRuntime({ now: 0 })
    const refused = { code: 'OPTION_INVALID', message: expect.stringContaining('takes milliseconds') }
    for (const ms of ['5', undefined, Number.NaN] as number[]) {
      await expect(runtime.advance(ms)).rejects.toMatchObject(refused)
      expect(() => runtime.step(ms)).toThrow(expect.objectContaining(refused))
    }
    expect([runtime.now(), runtime.elapsed()]).toEqual([0, 0])
  })

  it('refuses to go back, to go on for ever, and to be advanced twice at once', async () => {
    const runtime = fakeRuntime()
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(runtime.advance(ms)).rejects.toThrow(`advance takes milliseconds, 0 or more; got ${ms}`)
    }
    const first = runtime.advance(10)
    await expect(runtime.advance(10)).rejects.toThrow('advance is under way already')
    await first
  })

  it('steps the wall clock without a timer or the elapsed time noticing', async () => {
    const runtime = fakeRuntime({ now: 1_000 })
    const heard: number[] = []
    runtime.after(10, () => heard.push(runtime.now()))
    runtime.step(-500)
    expect([runtime.now(), runtime.elapsed()]).toEqual([500, 0])
    await runtime.advance(10)
    expect(heard).toEqual([510])
    runtime.step(3_600_000)
    expect(runtime.now()).toBe(3_600_510)
  })

  it('makes tokens and random numbers that the seed alone decides', () => {
    const draw = (seed?: number) => {
      const runtime = fakeRuntime(seed === undefined ? {} : { seed })
      const tokens = Array.from({ length: 100 }, () => runtime.token())
      const numbers = Array.from({ length: 1_000 }, () => runtime.random())
      return { tokens, numbers }
    }
    const { tokens, numbers } = draw(7)
    expect(draw(7)).toEqual({ tokens, numbers })
    expect(draw()).toEqual(draw(1))
    expect(draw(8).tokens).not.toContain(tokens[0])
    expect(new Set(tokens).size).toBe(100)
    for (const token of tokens) expect(token).toMatch(/^[0-9a-f]{32}$/)
    expect(numbers.every((one) => one >= 0 && one < 1)).toBe(true)
    expect(numbers.reduce((sum, one) => sum + one) / 1_000).toBeCloseTo(0.5, 1)
  })
})
