import assert from 'node:assert/strict'
import type { OutboxEntry } from '../../core/store.ts'
import { fresh, granted, type Need, type StoreCase, sameBytes, transactional } from './harness.ts'
import { append, counts, idsOf, message, waiting } from './outbox-harness.ts'

const group = 'outbox'
const needs: readonly Need[] = ['transactional']

const undo = new Error('undo this')

export const outboxCases: readonly StoreCase[] = [
  {
    name: 'messages are taken as they were appended, in order, with growing positions',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const body = Uint8Array.from({ length: 256 }, (_, value) => value)
      const headers = { 'content-type': 'application/json', '\u{1f600} name': 'a "quoted"\r\n value', empty: '' }
      const sent = [
        message({ body, headers, orderingKey: 'order \u00e9 ' }),
        message({ body: new Uint8Array() }),
        message(),
      ]
      await append(store, ...sent.slice(0, 2))
      await append(store, ...sent.slice(2))
      const taken = await waiting(store.outbox)
      for (const [index, expected] of sent.entries()) {
        const { position: _, failures, body: read, ...rest } = taken[index] as OutboxEntry
        const { body: written, ...others } = expected
        sameBytes(read, written)
        assert.deepEqual({ ...rest, failures }, { ...others, failures: 0 })
      }
      assert.deepEqual(
        taken.map((entry) => entry.position),
        taken.map((entry) => entry.position).sort((a, b) => a - b),
      )
      assert.deepEqual([taken.length, new Set(taken.map((entry) => entry.position)).size], [3, 3])
    },
  },
  {
    name: 'messages of a transaction that throws are never seen',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const work = store.transaction(async (tx) => {
        await store.outbox.append(tx, [message(), message()])
        throw undo
      })
      await assert.rejects(work, (thrown) => thrown === undo)
      assert.deepEqual(await waiting(store.outbox), [])
      assert.deepEqual(await counts(store), [0, 0])
    },
  },
  {
    name: 'a message commits or vanishes with the record of its operation, also inside guarded',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const [kept, undone] = [fresh(), fresh()]
      const sent = message()
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        granted(await claims.claim(kept))
        await store.outbox.append(tx, [sent])
        const work = claims.guarded(async () => {
          granted(await claims.claim(undone))
          await store.outbox.append(tx, [message()])
          throw undo
        })
        await assert.rejects(work)
      })
      assert.deepEqual(idsOf(await waiting(store.outbox)), [sent.id])
      const [record, none] = await store.find([kept.id, undone.id])
      assert.deepEqual([record?.state, none], ['done', undefined])
    },
  },
  {
    name: 'a message id that is there already is left as it is, in one transaction or in two',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const first = message({ topic: 'first' })
      const again = { ...first, topic: 'again' }
      const other = message()
      await append(store, first, again)
      await append(store, again, other)
      const taken = await waiting(store.outbox)
      assert.deepEqual(idsOf(taken), [first.id, other.id])
      assert.equal(taken[0]?.topic, 'first')
    },
  },
  {
    name: 'appending nothing, taking from an empty queue and settling nothing are harmless',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      await append(store)
      assert.deepEqual(await waiting(store.outbox), [])
      await store.outbox.settle([])
      assert.deepEqual(await counts(store), [0, 0])
    },
  },
  {
    name: 'the oldest come first, as many as were asked for, and again until they are settled',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = Array.from({ length: 5 }, () => message())
      await append(store, ...sent)
      assert.deepEqual(idsOf(await waiting(store.outbox, 2)), idsOf(sent.slice(0, 2)))
      assert.deepEqual(idsOf(await waiting(store.outbox, 3)), idsOf(sent.slice(0, 3)))
      assert.deepEqual(idsOf(await waiting(store.outbox, 9)), idsOf(sent))
    },
  },
]
