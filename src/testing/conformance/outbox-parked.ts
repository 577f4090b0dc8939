import assert from 'node:assert/strict'
import type { OutboxMessage, TransactionalStore } from '../../core/store.ts'
import { BRIEF_MS, type Need, type StoreCase, sameBytes, transactional } from './harness.ts'
import { append, counts, idsOf, message, waiting } from './outbox-harness.ts'

const group = 'outbox'
const needs: readonly Need[] = ['transactional']

/** Parks all of these, each with its own reason. */
async function park(store: TransactionalStore<unknown>, sent: readonly OutboxMessage[]): Promise<void> {
  await append(store, ...sent)
  const taken = await waiting(store.outbox)
  const poison = taken.filter(({ id }) => sent.some((one) => one.id === id))
  await store.outbox.settle(
    poison.map(({ position, id }) => {
      return { position, kind: 'parked' as const, reason: `too large \u0000 ${id}`, failures: 1 }
    }),
  )
}

export const outboxParkedCases: readonly StoreCase[] = [
  {
    name: 'parked messages are listed page by page, as they were appended, with their reasons and age',
    group,
    needs,
    async run({ store: opened, pass }) {
      const store = transactional(opened)
      const body = Uint8Array.from({ length: 256 }, (_, value) => value)
      const sent = [message({ body, headers: { a: 'b' }, orderingKey: 'k \u00e9' }), message(), message()]
      await park(store, sent)
      await append(store, message())
      await pass(BRIEF_MS)
      const [first, ...others] = await store.outbox.parked(2, 0)
      assert.ok(first !== undefined)
      const { position, ageMs, body: read, ...rest } = first
      const { body: _, ...written } = sent[0] as OutboxMessage
      sameBytes(read, body)
      assert.deepEqual(rest, { ...written, failures: 1, reason: `too large \u0000 ${written.id}` })
      assert.ok(ageMs >= BRIEF_MS, `its age should be at least ${BRIEF_MS} ms; got ${ageMs}`)
      assert.deepEqual(idsOf(others), [sent[1]?.id])
      const next = await store.outbox.parked(2, others[0]?.position ?? position)
      assert.deepEqual(idsOf(next), [sent[2]?.id])
      assert.deepEqual(await store.outbox.parked(2, next[0]?.position ?? 0), [])
    },
  },
  {
    name: 'an unparked message waits again in its old place with no failures, and only what is parked is unparked',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = [message(), message()]
      await park(store, sent)
      await append(store, message())
      const parked = (await store.outbox.parked(9, 0)).map(({ position }) => position)
      const [free] = await waiting(store.outbox)
      assert.equal(await store.outbox.unpark([]), 0)
      assert.equal(await store.outbox.unpark([...parked, free?.position as number, 999_999_999]), 2)
      assert.equal(await store.outbox.unpark(parked), 0)
      const taken = await waiting(store.outbox)
      assert.deepEqual(idsOf(taken)?.slice(0, 2), idsOf(sent))
      assert.deepEqual(
        taken.map(({ failures }) => failures),
        [0, 0, 0],
      )
      assert.deepEqual(await counts(store), [3, 0])
    },
  },
  {
    name: 'a discarded message is gone, and only what is parked is discarded',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const [poison, other] = [message(), message()]
      await park(store, [poison])
      await append(store, other)
      const [parked] = await store.outbox.parked(9, 0)
      const [free] = await waiting(store.outbox)
      const positions = [parked?.position as number, free?.position as number]
      assert.equal(await store.outbox.discard([]), 0)
      assert.equal(await store.outbox.discard(positions), 1)
      assert.equal(await store.outbox.discard(positions), 0)
      assert.deepEqual(idsOf(await waiting(store.outbox)), [other.id])
      assert.deepEqual(await counts(store), [1, 0])
      await append(store, poison)
      assert.deepEqual(await counts(store), [2, 0])
    },
  },
  {
    name: 'the age of the oldest message that waits grows, is that of no parked one, and is 0 when none waits',
    group,
    needs,
    async run({ store: opened, pass }) {
      const store = transactional(opened)
      assert.equal((await store.outbox.stats()).oldestMs, 0)
      await park(store, [message()])
      await pass(BRIEF_MS)
      assert.equal((await store.outbox.stats()).oldestMs, 0)
      await append(store, message())
      await pass(BRIEF_MS)
      await append(store, message())
      const { oldestMs } = await store.outbox.stats()
      assert.ok(oldestMs >= BRIEF_MS, `it should be at least ${BRIEF_MS} ms; got ${oldestMs}`)
      const [first] = await waiting(store.outbox)
      await store.outbox.settle([{ position: first?.position as number, kind: 'published' }])
      const { oldestMs: next } = await store.outbox.stats()
      assert.ok(next < oldestMs, `the next one is younger than ${oldestMs} ms; got ${next}`)
    },
  },
]
