import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'

const REFUSED = { ok: false, reason: 'no' } as const

describe('relay, with messages that wait for their next try', () => {
  it('reads on behind many times what it would hold in memory', async () => {
    const { make, add, calls, runtime } = setup(({ id }) => (id.startsWith('bad') ? REFUSED : { ok: true }))
    await add(...Array.from({ length: 12_000 }, (_, index) => `bad${index}`), 'good')
    const one = make({ backoffMs: 60_000 })
    one.start()
    await runtime.advance(20_000)
    expect(calls.at(-1)).toEqual(['good'])
    await one.stop()
  })

  it('reads on behind many times what it would hold in memory of one ordering key', async () => {
    const { make, add, calls, runtime } = setup(({ id }) => (id === 'a0' ? REFUSED : { ok: true }))
    await add(...Array.from({ length: 12_000 }, (_, index): [string, string] => [`a${index}`, 'a']), 'good')
    const one = make({ backoffMs: 60_000 })
    one.start()
    await runtime.advance(20_000)
    expect(calls).toEqual([['a0'], ['good']])
    await one.stop()
  })

  it('reads what waits behind one that is tried again only once that is out', async () => {
    let tries = 0
    const { store, make, add, runtime, rows } = setup(({ id }) => (id === 'a0' && ++tries < 8 ? REFUSED : { ok: true }))
    await add(...Array.from({ length: 3_000 }, (_, index): [string, string] => [`a${index}`, 'a']))
    let read = 0
    const take: typeof store.outbox.take = async (...given) => {
      const taken = await store.outbox.take(...given)
      read += taken?.length ?? 0
      return taken
    }
    const one = make({ store: { ...store, outbox: { ...store.outbox, take } }, backoffMs: 1_000, maxBackoffMs: 1_000 })
    one.start()
    await runtime.advance(3_900)
    expect([tries > 3, read < 3_010]).toEqual([true, true])
    await runtime.advance(60_000)
    expect(rows).toEqual([])
    // Once to learn what is there, once to publish it.
    expect(read).toBeLessThan(6_020)
    await one.stop()
  })

  it('waits behind nothing that another relay published while this one had no lease', async () => {
    let refuses = true
    const world = setup(() => (refuses ? REFUSED : { ok: true }))
    const { make, add, rows, runtime, calls, steal, store } = world
    await add(['k1', 'k'], ['l1', 'l'])
    const one = make({ leaseMs: 1_000, backoffMs: 60_000, maxBackoffMs: 60_000 })
    one.start()
    await runtime.advance(500)
    steal()
    await runtime.advance(2_000)
    rows.shift()
    await store.outbox.leave('thief')
    refuses = false
    await add(['k2', 'k'], ['l2', 'l'])
    await runtime.advance(2_000)
    // What is still there goes on waiting for its next try, and so does what is behind it.
    expect(calls).toEqual([['k1', 'l1'], ['k2']])
    await runtime.advance(60_000)
    expect(calls).toEqual([['k1', 'l1'], ['k2'], ['l1'], ['l2']])
    expect(rows).toEqual([])
    await one.stop()
  })

  it('does not wait for ever behind one that somebody deleted from the outbox', async () => {
    const { make, add, calls, rows, runtime } = setup(({ id }) => (id === 'a0' ? REFUSED : { ok: true }))
    await add(['a0', 'a'], ['a1', 'a'])
    const one = make({ backoffMs: 1_000 })
    one.start()
    await runtime.advance(100)
    rows.shift()
    await runtime.advance(2_000)
    expect(calls).toEqual([['a0'], ['a1']])
    await one.stop()
  })

  it('counts a refusal that the store has not been told of', async () => {
    const { store, make, add, rows, events, runtime } = setup(() => REFUSED)
    await add('poison')
    let deaf = true
    const settle: typeof store.outbox.settle = async (results) => {
      if (deaf) throw new Error('store is down')
      return store.outbox.settle(results)
    }
    const one = make({
      store: { ...store, outbox: { ...store.outbox, settle } },
      backoffMs: 1,
      maxBackoffMs: 1,
      maxFailures: 3,
    })
    one.start()
    await runtime.advance(60_000)
    expect(events.flatMap((event) => (event.type === 'refused' ? [event.failures] : []))).toEqual([1, 2, 3])
    deaf = false
    await runtime.advance(60_000)
    expect(rows.map(({ failures, parked }) => [failures, parked])).toEqual([[3, 'no']])
    await one.stop()
  })

  it('keeps the order of every key, and publishes all, whatever is refused and read in whatever portions', async () => {
    const keys = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined })
    const message = fc.record({ key: keys, refusals: fc.constantFrom(0, 0, 0, 1, 2, 5), late: fc.nat(2_000) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        async (messages, batchSize) => {
          const left = new Map<string, number>(messages.map(({ refusals }, index) => [`m${index}`, refusals]))
          const taken: string[] = []
          const { make, add, rows, runtime } = setup(({ id }) => {
            const refusals = left.get(id) as number
            left.set(id, refusals - 1)
            if (refusals > 0) return REFUSED
            taken.push(id)
            return { ok: true }
          })
          const one = make({ batchSize, backoffMs: 50, maxBackoffMs: 400 })
          one.start()
          const added = messages.map((_, index) => `m${index}`)
          for (const [index, { key, late }] of messages.entries()) {
            if (late > 1_500) await runtime.advance(late - 1_500)
            await add(key === undefined ? `m${index}` : [`m${index}`, key])
          }
          await runtime.advance(60_000)
          await one.stop()
          expect(rows).toEqual([])
          expect(taken.toSorted()).toEqual(added.toSorted())
          for (const of of ['a', 'b', 'c']) {
            const inOrder = added.filter((_, index) => messages[index]?.key === of)
            expect(taken.filter((id) => inOrder.includes(id))).toEqual(inOrder)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
