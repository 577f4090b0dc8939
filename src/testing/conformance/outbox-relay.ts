import assert from 'node:assert/strict'
import type { OutboxEntry, OutboxMessage } from '../../core/store.ts'
import { BRIEF_MS, LONG_MS, type Need, type StoreCase, transactional } from './harness.ts'
import { append, counts, idsOf, message, waiting } from './outbox-harness.ts'

const group = 'outbox'
const needs: readonly Need[] = ['transactional']

export const outboxRelayCases: readonly StoreCase[] = [
  {
    name: 'a relay that holds the lease keeps others out until the lease is over',
    group,
    needs,
    async run({ store: opened, pass }) {
      const store = transactional(opened)
      const sent = message()
      await append(store, sent)
      assert.deepEqual(idsOf(await store.outbox.take('one', BRIEF_MS, 10)), [sent.id])
      assert.equal(await store.outbox.take('two', LONG_MS, 10), undefined)
      await pass(BRIEF_MS)
      assert.deepEqual(idsOf(await store.outbox.take('two', LONG_MS, 10)), [sent.id])
      assert.equal(await store.outbox.take('one', LONG_MS, 10), undefined)
    },
  },
  {
    name: 'a relay renews its lease by taking again',
    group,
    needs,
    async run({ store: opened, pass }) {
      const { outbox } = transactional(opened)
      assert.deepEqual(await outbox.take('one', BRIEF_MS, 10), [])
      assert.deepEqual(await outbox.take('one', LONG_MS, 10), [])
      await pass(BRIEF_MS)
      assert.equal(await outbox.take('two', LONG_MS, 10), undefined)
    },
  },
  {
    name: 'a relay that leaves lets another in at once, and cannot give back a lease that is not its own',
    group,
    needs,
    async run({ store: opened }) {
      const { outbox } = transactional(opened)
      assert.deepEqual(await outbox.take('one', LONG_MS, 10), [])
      await outbox.leave('two')
      assert.equal(await outbox.take('two', LONG_MS, 10), undefined)
      await outbox.leave('one')
      assert.deepEqual(await outbox.take('two', LONG_MS, 10), [])
      await outbox.leave('one')
      assert.equal(await outbox.take('one', LONG_MS, 10), undefined)
    },
  },
  {
    name: 'what a relay holds already is passed over, wherever it lies in the queue, and comes again when it is not held',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = [message(), message(), message(), message()]
      await append(store, ...sent)
      const [one, , three] = (await waiting(store.outbox)) as [OutboxEntry, OutboxEntry, OutboxEntry]
      const held = [three.position, one.position]
      assert.deepEqual(idsOf(await store.outbox.take('r', LONG_MS, 1, held)), [sent[1]?.id])
      assert.deepEqual(idsOf(await store.outbox.take('r', LONG_MS, 9, held)), [sent[1]?.id, sent[3]?.id])
      assert.deepEqual(idsOf(await waiting(store.outbox)), idsOf(sent))
    },
  },
  {
    name: 'published messages leave the queue, and settling them again is harmless',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = [message(), message(), message()]
      await append(store, ...sent)
      const [one, , three] = (await waiting(store.outbox)) as [OutboxEntry, OutboxEntry, OutboxEntry]
      const settled = [one, three].map(({ position }) => ({ position, kind: 'published' as const }))
      await store.outbox.settle(settled)
      await store.outbox.settle(settled)
      assert.deepEqual(idsOf(await waiting(store.outbox)), [sent[1]?.id])
      assert.deepEqual(await counts(store), [1, 0])
    },
  },
  {
    name: 'a failed message keeps its place, and its failures are counted',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = [message(), message()]
      await append(store, ...sent)
      for (const failures of [1, 2]) {
        const [first] = await waiting(store.outbox)
        await store.outbox.settle([
          { position: first?.position as number, kind: 'failed', reason: 'broker \u0000 down', failures },
        ])
        const taken = await waiting(store.outbox)
        assert.deepEqual(idsOf(taken), idsOf(sent))
        assert.deepEqual(
          taken.map((entry) => entry.failures),
          [failures, 0],
        )
      }
    },
  },
  {
    name: 'a failure that is told twice counts once, and an old one that comes late takes nothing back',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      await append(store, message())
      const [{ position } = { position: 0 }] = await waiting(store.outbox)
      for (const failures of [2, 2, 1]) {
        await store.outbox.settle([{ position, kind: 'failed', reason: 'refused', failures }])
        assert.deepEqual(
          (await waiting(store.outbox)).map((entry) => entry.failures),
          [2],
        )
      }
      for (const _ of ['told', 'again']) {
        await store.outbox.settle([{ position, kind: 'parked', reason: 'too often', failures: 3 }])
        const [parked] = await store.outbox.parked(1, 0)
        assert.deepEqual([parked?.failures, parked?.reason], [3, 'too often'])
      }
    },
  },
  {
    name: 'a parked message waits no more, holds nobody up and is counted',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const sent = [message({ orderingKey: 'k' }), message({ orderingKey: 'k' })]
      await append(store, ...sent)
      const [poison] = await waiting(store.outbox)
      await store.outbox.settle([
        { position: poison?.position as number, kind: 'parked', reason: 'too large', failures: 1 },
      ])
      assert.deepEqual(idsOf(await waiting(store.outbox)), [sent[1]?.id])
      assert.deepEqual(await counts(store), [1, 1])
      await append(store, sent[0] as OutboxMessage)
      assert.deepEqual(await counts(store), [1, 1])
    },
  },
]
