import { describe, expect, it, vi } from 'vitest'
import { createEvents, type OnceEvent } from './events.ts'
import { report, tried } from './reporting.ts'

const event: OnceEvent = { type: 'mismatch', scope: 's', key: 'k' }
const later = () => new Promise((resolve) => setImmediate(resolve))

describe('events', () => {
  it('reach every listener, in the order in which they came', () => {
    const events = createEvents(() => {})
    const heard: unknown[] = []
    events.on((one) => heard.push('first', one))
    events.on((one) => heard.push('second', one))
    events.emit(event)
    expect(heard).toEqual(['first', event, 'second', event])
  })

  it.each(['executed', undefined])('are not promised to %j, which would never hear of any', (name) => {
    const { on } = createEvents(() => {}) as unknown as { on: (...args: unknown[]) => unknown }
    expect(() => on(name, () => {})).toThrow(/`listener` must be a function, which hears every event/)
  })

  it('no longer reach a listener that left, and leaving twice is harmless', () => {
    const events = createEvents(() => {})
    const listener = vi.fn()
    const leave = events.on(listener)
    expect(leave()).toBe(undefined)
    leave()
    events.emit(event)
    expect(listener).not.toHaveBeenCalled()
  })

  it('reach a function that came twice twice, and leaving once leaves the other', () => {
    const events = createEvents(() => {})
    const listener = vi.fn()
    const leave = events.on(listener)
    events.on(listener)
    events.emit(event)
    expect(listener).toHaveBeenCalledTimes(2)
    leave()
    leave()
    events.emit(event)
    expect(listener).toHaveBeenCalledTimes(3)
  })

  it('reach the others when a listener throws, and the error is reported', () => {
    const reported = vi.fn()
    const events = createEvents(reported)
    const listener = vi.fn()
    const broken = new Error('broken listener')
    events.on(() => {
      throw broken
    })
    events.on(listener)
    events.emit(event)
    expect(reported).toHaveBeenCalledExactlyOnceWith(broken)
    expect(listener).toHaveBeenCalledExactlyOnceWith(event)
  })

  it('report what an async listener rejects with, rather than end the process', async () => {
    const reported = vi.fn()
    const events = createEvents(reported)
    const broken = new Error('broken later')
    events.on(() => Promise.reject(broken))
    events.on(async () => {})
    events.emit(event)
    await later()
    expect(reported).toHaveBeenCalledExactlyOnceWith(broken)
  })
})

describe('report', () => {
  it('survives a reporter that throws, or rejects', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    report(() => {
      throw new Error('reporter broke')
    }, 1)
    report(() => Promise.reject(new Error('reporter broke later')), 1)
    await later()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

it('tells a listener that subscribes again of one event once', () => {
  const events = createEvents(() => {})
  let told = 0
  const again = () => {
    if (++told > 10) return
    off()
    off = events.on(again)
  }
  let off = events.on(again)
  events.emit({ type: 'unknown', scope: 's', key: 'k' })
  events.emit({ type: 'unknown', scope: 's', key: 'k' })
  expect(told).toBe(2)
})

describe('a function of the user that is tried', () => {
  it('answers what it answers', () => {
    expect(
      tried(
        () => expect.fail(),
        () => 7,
      ),
    ).toBe(7)
  })

  it('answers nothing when it throws, and the error is reported', () => {
    const error = new Error('not mine')
    const reporter = vi.fn()
    const answer = tried(reporter, () => {
      throw error
    })
    expect([answer, reporter.mock.calls]).toEqual([undefined, [[error]]])
  })
})
