import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'
import type { PublishResult } from '../core/publisher.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'

function raise(): never {
  throw new Error('broken listener')
}

describe('relay', () => {
  it('publishes what waits, in one call, and empties the outbox', async () => {
    const { make, add, calls, rows, runtime } = setup()
    await add('a', 'b', 'c')
    const one = make()
    one.start()
    one.start()
    await runtime.advance(1)
    expect(calls).toEqual([['a', 'b', 'c']])
    expect(rows).toEqual([])
    expect(await one.drained()).toBe(true)
    await one.stop()
    expect(runtime.pending).toBe(0)
  })

  it('never publishes two of one ordering key together, and keeps their order', async () => {
    const { make, add, calls, runtime } = setup()
    await add(['a1', 'a'], ['a2', 'a'], 'free', ['b1', 'b'], ['a3', 'a'])
    const one = make()
    one.start()
    await runtime.advance(1)
    expect(calls).toEqual([['a1', 'free', 'b1'], ['a2'], ['a3']])
    await one.stop()
  })

  it('never goes past a refused message of the same key; the others go on', async () => {
    let broken = true
    const { make, add, calls, rows, runtime } = setup(({ id }) =>
      id === 'a1' && broken ? { ok: false, reason: 'no' } : { ok: true },
    )
    await add(['a1', 'a'], ['a2', 'a'], ['b1', 'b'], ['b2', 'b'])
    const one = make({ backoffMs: 1_000 })
    one.start()
    await runtime.advance(400)
    expect(calls.flat()).toEqual(['a1', 'b1', 'b2'])
    await runtime.advance(10_000)
    expect(calls.flat()).not.toContain('a2')
    expect(rows[0]?.failures).toBeGreaterThan(1)
    broken = false
    await runtime.advance(60_000)
    expect(calls.slice(-2)).toEqual([['a1'], ['a2']])
    expect(rows).toEqual([])
    await one.stop()
  })

  it('parks what the broker never takes, and after maxFailures; the next of the key goes on', async () => {
    const { make, add, calls, rows, runtime, events } = setup(({ id }) => {
      if (id === 'never') return { ok: false, reason: 'too large', permanent: true }
      return id === 'often' ? { ok: false, reason: 'no' } : { ok: true }
    })
    await add(['never', 'a'], ['after', 'a'], ['often', 'b'], ['behind', 'b'])
    const one = make({ maxFailures: 3, backoffMs: 100 })
    one.start()
    await runtime.advance(60_000)
    expect(rows.map(({ id, parked, failures }) => [id, parked, failures])).toEqual([
      ['never', 'too large', 1],
      ['often', 'no', 3],
    ])
    expect(calls.flat().filter((id) => id === 'often')).toHaveLength(3)
    expect(calls.flat()).toEqual(expect.arrayContaining(['after', 'behind']))
    expect(events.filter((event) => event.type === 'refused' && event.parked)).toHaveLength(2)
    await one.stop()
  })

  it('stores the beginning of a reason that is a whole page', async () => {
    const reason = 'x'.repeat(100_000)
    const { make, add, rows, runtime, events } = setup(() => ({ ok: false, reason, permanent: true }))
    await add('a')
    const one = make()
    one.start()
    await runtime.advance(1)
    expect(rows[0]?.parked).toBe(reason.slice(0, 1_000))
    expect(events).toContainEqual(expect.objectContaining({ type: 'refused', reason }))
    await one.stop()
  })

  it('publishes the same ids again after a call that threw, and blames nobody', async () => {
    let down = true
    const { make, add, calls, rows, runtime } = setup(() => (down ? 'throw' : { ok: true }))
    await add('a', 'b', 'c', 'd')
    const one = make({ maxFailures: 3 })
    one.start()
    await runtime.advance(200)
    expect(calls[0]).toEqual(['a', 'b', 'c', 'd'])
    expect(rows.every(({ failures }) => failures === 0)).toBe(true)
    down = false
    await runtime.advance(60_000)
    expect(rows).toEqual([])
    expect(new Set(calls.flat())).toEqual(new Set(['a', 'b', 'c', 'd']))
    await one.stop()
  })

  it('finds the one message that breaks every call it is in', async () => {
    const { make, add, rows, runtime } = setup(({ id }) => (id === 'poison' ? 'throw' : { ok: true }))
    await add('a', 'b', 'c', 'poison', 'd', 'e', 'f')
    const one = make({ backoffMs: 100, maxBackoffMs: 1_000 })
    one.start()
    await runtime.advance(30_000)
    expect(rows.map(({ id }) => id)).toEqual(['poison'])
    expect(rows[0]?.failures).toBeGreaterThan(0)
    await one.stop()
  })

  it('takes too few answers, and none at all, for a call of which nothing is known', async () => {
    const { make, add, rows, runtime, events } = setup((_, call) => (call === 1 ? 'silence' : { ok: true }))
    await add('a', 'b')
    const one = make({ publishTimeoutMs: 1_000 })
    one.start()
    await runtime.advance(900)
    expect(rows).toHaveLength(2)
    await runtime.advance(30_000)
    expect(rows).toEqual([])
    expect(events.some(({ type }) => type === 'publish-failed')).toBe(true)
    await one.stop()
    const short = setup()
    await short.add('a', 'b')
    const two = short.make({ publish: async () => [{ ok: true }] })
    two.start()
    await short.runtime.advance(1)
    expect(short.rows).toHaveLength(2)
    expect(short.events.map(({ type }) => type)).toEqual(['leading', 'publish-failed'])
    const stopped = two.stop()
    await short.runtime.advance(1_000)
    await stopped
  })

  it.each([
    ['no reason', { ok: false }, 'the publisher gave no reason'],
    ['an error for a reason', { ok: false, reason: new Error('no such topic') }, 'no such topic'],
    ['nothing for one', undefined, 'the publisher gave no answer for it'],
    ['a word for one', 'ok', 'the publisher gave no answer for it'],
  ])('takes %s for a refusal of that message, and the others go on', async (_, answer, reason) => {
    const { make, add, rows, runtime, events } = setup()
    await add('a', 'b', 'c')
    const sent: string[] = []
    const publish = async (batch: readonly { readonly id: string }[]) => {
      sent.push(...batch.map(({ id }) => id))
      return batch.map(({ id }) => (id === 'b' ? answer : { ok: true })) as PublishResult[]
    }
    const one = make({ publish, maxFailures: 2, backoffMs: 1, maxBackoffMs: 1 })
    one.start()
    await runtime.advance(10_000)
    expect(sent.toSorted()).toEqual(['a', 'b', 'b', 'c'])
    expect(rows.map(({ id, parked }) => [id, parked])).toEqual([['b', reason]])
    expect(events.filter(({ type }) => type === 'store-failed')).toEqual([])
    await one.stop()
  })

  it('leaves a second relay idle until the first is stopped or disappears', async () => {
    const { make, add, runtime, events, publish } = setup()
    const [first, second] = [make({ name: 'first' }), make({ name: 'second' })]
    const by: string[] = []
    const third = make({
      name: 'third',
      publish: (batch) => {
        by.push('third')
        return publish(batch)
      },
    })
    first.start()
    await runtime.advance(1)
    second.start()
    await add('a')
    await runtime.advance(1_000)
    expect(events.filter(({ type }) => type === 'leading')).toEqual([{ type: 'leading', leading: true }])
    await first.stop()
    await second.stop()
    third.start()
    await add('b')
    await runtime.advance(1_000)
    expect(by).toEqual(['third'])
    await third.stop()
  })

  it('does not publish again what a store that was down could not settle', async () => {
    const { make, add, calls, rows, runtime, setDown } = setup((_, call) => {
      if (call === 1) setDown(true)
      return { ok: true }
    })
    await add('a')
    const one = make()
    one.start()
    await runtime.advance(5_000)
    expect(rows).toHaveLength(1)
    setDown(false)
    await runtime.advance(60_000)
    expect(rows).toEqual([])
    expect(calls).toEqual([['a']])
    await one.stop()
  })

  it('looks behind messages that wait for their next try, however many', async () => {
    const { make, add, calls, runtime } = setup(({ id }) =>
      id.startsWith('bad') ? { ok: false, reason: 'no' } : { ok: true },
    )
    await add(...Array.from({ length: 25 }, (_, i) => `bad${i}`), 'good')
    const one = make({ batchSize: 10, backoffMs: 60_000 })
    one.start()
    await runtime.advance(5_000)
    expect(calls.flat()).toContain('good')
    await one.stop()
  })

  it('wakes from its idle wait, stops in the middle of one, and tells when it was stopped before it was drained', async () => {
    const { make, add, calls, runtime } = setup()
    const one = make({ pollMs: 60_000 })
    one.start()
    await runtime.advance(1)
    await add('a')
    one.wake()
    await runtime.advance(1)
    expect(calls).toEqual([['a']])
    await one.stop()
    await add('b')
    expect(await one.drained()).toBe(false)
    expect(runtime.pending).toBe(0)
  })

  it.each([
    ['throws', (): never => raise()],
    ['rejects', async () => raise()],
  ])('is not disturbed by a listener that %s, and reports it', async (_, onEvent) => {
    const { make, add, rows, runtime } = setup()
    await add('a')
    const told: unknown[] = []
    const onListenerError = (error: unknown): void => {
      told.push(error)
      raise()
    }
    const one = make({ onEvent, onListenerError })
    one.start()
    await runtime.advance(1)
    expect(rows).toEqual([])
    await one.stop()
    // That it leads, that it published, and that it leads no more.
    expect(told).toEqual(Array(3).fill(new Error('broken listener')))
  })

  it.each([
    ['publish', { publish: undefined }],
    ['onListenerError', { onListenerError: 'console' }],
    ['batchSize', { batchSize: 0 }],
    ['leaseMs', { leaseMs: 1.5 }],
    ['publishTimeoutMs', { publishTimeoutMs: 60_000 }],
    ['maxBackoffMs', { backoffMs: 100, maxBackoffMs: 10 }],
    ['name', { name: '' }],
    ['bachSize', { bachSize: 1 }],
    ['store', { store: memoryStore() }],
    ['runtime', { runtime: fakeRuntime }],
  ])('refuses a bad %s', (name, given) => {
    const { make } = setup()
    expect(() => make(given as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })
})
