import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'
import type { Publisher } from '../core/publisher.ts'
import { sleep } from '../core/runtime.ts'
import { createHand } from './hand.ts'

const ids = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`)

/** It takes a second to answer, and another one to settle. */
function slowStore(answer?: Parameters<typeof setup>[0]) {
  const made = setup(answer)
  const { store, runtime } = made
  let handed = 0
  const take: typeof store.outbox.take = async (...given) => {
    await sleep(runtime, 1_000)
    const taken = await store.outbox.take(...given)
    handed += taken?.length ?? 0
    return taken
  }
  const settle: typeof store.outbox.settle = async (...given) => {
    await sleep(runtime, 2_000)
    return store.outbox.settle(...given)
  }
  return { ...made, slow: { ...store, outbox: { ...store.outbox, take, settle } }, handed: () => handed }
}

describe('relay, while the store works', () => {
  it('publishes one batch while another is settled and the next is read, and nothing twice', async () => {
    const { slow, make, add, calls, runtime, rows } = slowStore()
    await add(...ids(50))
    const publish: Publisher = async (batch) => {
      calls.push(batch.map(({ id }) => id))
      await sleep(runtime, 1_000)
      return batch.map(() => ({ ok: true }))
    }
    const one = make({ store: slow, publish, batchSize: 5 })
    one.start()
    // One after the other it would take 40 s.
    await runtime.advance(25_000)
    expect(calls.flat()).toEqual(ids(50))
    expect(rows).toEqual([])
    const stopped = one.stop()
    await runtime.advance(60_000)
    await stopped
  })

  it('reads no more than three batches while the broker does not answer', async () => {
    const { slow, make, add, runtime, handed } = slowStore()
    await add(...ids(50))
    const one = make({ store: slow, publish: () => new Promise(() => {}), batchSize: 5, leaseMs: 60_000 })
    one.start()
    await runtime.advance(25_000)
    expect(handed()).toBe(15)
    const stopped = one.stop()
    await runtime.advance(60_000)
    await stopped
  })

  it('publishes nothing behind a message that is put aside before the store knows of it', async () => {
    const { slow, make, add, calls, runtime, rows } = slowStore()
    await add(...ids(3).map((id): [string, string] => [id, 'one']))
    let settling = 0
    const settle: typeof slow.outbox.settle = (...given) => {
      settling = calls.length
      return slow.outbox.settle(...given)
    }
    const publish: Publisher = async (batch) => {
      calls.push(batch.map(({ id }) => id))
      return batch.map(({ id }) => (id === 'm0' ? { ok: false, reason: 'never', permanent: true } : { ok: true }))
    }
    const one = make({ store: { ...slow, outbox: { ...slow.outbox, settle } }, publish })
    one.start()
    await runtime.advance(2_500)
    // Told to the store, which has not answered yet.
    expect([settling, calls]).toEqual([1, [['m0']]])
    await runtime.advance(20_000)
    expect(calls).toEqual([['m0'], ['m1'], ['m2']])
    expect(rows.map(({ id }) => id)).toEqual(['m0'])
    const stopped = one.stop()
    await runtime.advance(60_000)
    await stopped
  })

  it('publishes no more than three batches of which the store does not know', async () => {
    const { store, make, add, calls, runtime, rows } = setup()
    await add(...ids(50))
    let silent = true
    const settle: typeof store.outbox.settle = (...given) =>
      silent ? new Promise(() => {}) : store.outbox.settle(...given)
    const one = make({ store: { ...store, outbox: { ...store.outbox, settle } }, batchSize: 5, leaseMs: 60_000 })
    one.start()
    await runtime.advance(50_000)
    expect(calls.flat()).toEqual(ids(15))
    silent = false
    await runtime.advance(600_000)
    expect(calls.flat()).toEqual(ids(50))
    expect(rows).toEqual([])
    await one.stop()
  })

  it('reads past a hand that is full of one ordering key which waits', async () => {
    const { make, add, calls, runtime } = setup(({ id }) => (id === 'a0' ? { ok: false, reason: 'no' } : { ok: true }))
    await add(...ids(40).map((_, index): [string, string] => [`a${index}`, 'a']), 'free')
    const one = make({ batchSize: 2, backoffMs: 60_000 })
    one.start()
    await runtime.advance(10_000)
    expect(calls.flat()).toEqual(['a0', 'free'])
    await one.stop()
  })

  it('counts a refusal once, also when the answer of the store got lost, and tells the latest of each message', async () => {
    const { slow, make, add, calls, runtime, rows } = slowStore(() => ({ ok: false, reason: 'no' }))
    let lost = 0
    const settle: typeof slow.outbox.settle = async (results) => {
      expect(new Set(results.map(({ position }) => position)).size).toBe(results.length)
      await slow.outbox.settle(results)
      if (lost++ < 3) throw new Error('the answer got lost')
    }
    await add('poison')
    const store = { ...slow, outbox: { ...slow.outbox, settle } }
    const one = make({ store, backoffMs: 10, maxBackoffMs: 10, maxFailures: 20 })
    one.start()
    await runtime.advance(120_000)
    expect(calls.flat()).toHaveLength(20)
    expect(rows.map(({ failures, parked }) => [failures, parked])).toEqual([[20, 'no']])
    expect(lost).toBeGreaterThan(3)
    const stopped = one.stop()
    await runtime.advance(60_000)
    await stopped
  })

  it('keeps what became of a message while the store is still being told what was before', async () => {
    const { slow, make, add, runtime, rows } = slowStore()
    await add('shaky', ...ids(30))
    const published: string[] = []
    let refusals = 0
    const publish: Publisher = async (batch) => {
      await sleep(runtime, 500)
      return batch.map(({ id }) => {
        if (id === 'shaky' && refusals++ === 0) return { ok: false, reason: 'not yet' }
        published.push(id)
        return { ok: true }
      })
    }
    const one = make({ store: slow, publish, batchSize: 5, backoffMs: 1, maxBackoffMs: 1 })
    one.start()
    await runtime.advance(120_000)
    expect([published.toSorted(), rows]).toEqual([['shaky', ...ids(30)].toSorted(), []])
    const stopped = one.stop()
    await runtime.advance(60_000)
    await stopped
  })

  it('puts what was committed late before what is in hand', () => {
    const { runtime } = setup()
    const hand = createHand(runtime)
    const entry = (position: number) => {
      const message = { id: `m${position}`, topic: 'orders', body: new Uint8Array(), headers: {}, orderingKey: 'a' }
      return { ...message, position, failures: 0 }
    }
    hand.add([entry(5), entry(7)], true)
    hand.add([entry(3), entry(6), entry(9)], true)
    expect(hand.held()).toEqual({ positions: [3, 5, 6, 7, 9], wanted: 0 })
    expect(hand.wave(10).map(({ position }) => position)).toEqual([3])
  })
})
