import { describe, expect, it } from 'vitest'
import { all, kinds, type Options, several, shop } from '../../test/batch-kit.ts'
import { delivery } from '../../test/inbox-kit.ts'

describe('a message that may have brought a process down', () => {
  it('never rides with others: each goes alone', async () => {
    const { batch, calls } = await shop()
    // The process that had begun with all of them is gone without a trace.
    const verdicts = await all(batch, [
      delivery({ id: 'fresh' }),
      ...several(5, () => ({ redelivered: true })),
      delivery({ id: 'new' }),
    ])
    expect(new Set(kinds(verdicts))).toEqual(new Set(['ack']))
    expect(calls.filter((ids) => ids.length > 1)).toEqual([['fresh', 'new']])
    expect(calls).toHaveLength(6)
  })
})

describe('a batch whose consumer stops, or whose message is lost', () => {
  it('gives back what has not begun', async () => {
    const { batch, calls } = await shop()
    const stopping = new AbortController()
    stopping.abort()
    const verdicts = await all(batch, several(3), stopping.signal)
    expect(verdicts.map((verdict) => [verdict.kind, 'delayMs' in verdict && verdict.delayMs])).toEqual([
      ['retry', 0],
      ['retry', 0],
      ['retry', 0],
    ])
    expect(calls).toEqual([])
  })

  it('finishes what has begun', async () => {
    const stopping = new AbortController()
    let finish = () => {}
    const handle: Options['handle'] = () =>
      new Promise<void>((resolve) => {
        finish = resolve
      })
    const { batch, runtime } = await shop({ handle })
    const verdicts = all(batch, several(3), stopping.signal)
    await runtime.advance(1)
    stopping.abort()
    finish()
    expect(kinds(await verdicts)).toEqual(['ack', 'ack', 'ack'])
  })

  it('begins nothing anew when the handler fails after the stop', async () => {
    const stopping = new AbortController()
    let calls = 0
    let fail = () => {}
    const handle: Options['handle'] = () =>
      new Promise<void>((_, reject) => {
        calls++
        fail = () => reject(new Error('on purpose'))
      })
    const { batch, runtime } = await shop({ handle })
    const verdicts = all(batch, several(8), stopping.signal)
    await runtime.advance(1)
    stopping.abort()
    fail()
    expect((await verdicts).map((verdict) => [verdict.kind, 'delayMs' in verdict && verdict.delayMs])).toEqual(
      Array.from({ length: 8 }, () => ['retry', 0]),
    )
    expect(calls).toBe(1)
  })

  it('says nothing about a message that the broker gave away, and handles the others without it', async () => {
    const { batch, once, runtime, effects } = await shop({ visibilityMs: 3_000 })
    // The one write transaction of the file is taken, so that the batch waits.
    let finish = () => {}
    const before = once.atomic(
      'slow',
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    )
    await runtime.advance(1)
    const deliveries = several(4, (index) => (index === 1 ? { extend: async () => 'lost' as const } : {}))
    const verdicts = all(batch, deliveries)
    await runtime.advance(1_500)
    finish()
    await before
    await runtime.advance(1_500)
    expect(kinds(await verdicts)).toEqual(['ack', 'none', 'ack', 'ack'])
    expect(await effects()).toEqual(['m0', 'm2', 'm3'])
  })
})
