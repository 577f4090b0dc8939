import assert from 'node:assert/strict'
import { decodeResult } from '../../core/codec.ts'
import type { StoredResult } from '../../core/record.ts'
import type { ClaimRequest } from '../../core/store.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  isAbout,
  isAbove,
  LONG_MS,
  mismatched,
  type Need,
  rival,
  rivalBeside,
  running,
  type StoreCase,
  sameResult,
  strange,
  transactional,
} from './harness.ts'

const group = 'atomic batches'
const needs: readonly Need[] = ['transactional']

const undo = new Error('undo this')

/** The result that a handler without a return value leaves. */
function withoutValue(result: StoredResult | undefined): void {
  assert.equal(result?.kind, 'value')
  assert.equal(decodeResult(result.body), undefined)
}

const several = (count: number, change: Parameters<typeof fresh>[0] = {}) =>
  Array.from({ length: count }, () => fresh(change))

export const atomicBatchCases: readonly StoreCase[] = [
  {
    name: 'a batch of 500 is claimed in one transaction, answered in its order, and commits as done without values',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const requests = several(500)
      const ids = requests.map(({ id }) => id)
      const outcomes = await store.transaction((tx) => store.within(tx).claimAll(requests))
      const leases = outcomes.map((outcome) => granted(outcome).lease)
      assert.deepEqual(
        leases.map(({ id, owner }) => [id, owner]),
        requests.map(({ id, owner }) => [id, owner]),
      )
      const records = await store.find(ids)
      assert.deepEqual(
        records.map((record) => [record?.state, record?.key, record?.fence]),
        requests.map(({ key }, index) => ['done', key, leases[index]?.fence]),
      )
      for (const record of records) withoutValue(record?.result)
    },
  },
  {
    name: 'an empty batch in a transaction gets an empty answer',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      assert.deepEqual(await store.transaction((tx) => store.within(tx).claimAll([])), [])
    },
  },
  {
    name: 'each claim of a batch is answered as it would be alone: new, done, running, mismatch, given back, abandoned, over',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const brief = { leaseMs: BRIEF_MS }
      const [unknown, finished, held, bound, idle, left, over] = [
        ...[fresh(), fresh(), fresh(), fresh(), fresh(), fresh(brief)],
        fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }),
      ] as [ClaimRequest, ClaimRequest, ClaimRequest, ClaimRequest, ClaimRequest, ClaimRequest, ClaimRequest]
      await context.complete(completion(granted(await context.claim(finished)).lease, aValue('v')))
      granted(await context.claim(held))
      await context.complete(completion(granted(await context.claim(bound)).lease, aValue('b')))
      await context.release(granted(await context.claim(idle)).lease)
      const abandoned = granted(await context.claim(left)).lease
      const steps = [{ name: 'one', result: new Uint8Array(2) }]
      await context.renew({ lease: abandoned, leaseMs: BRIEF_MS, retentionMs: LONG_MS, steps })
      await context.complete(completion(granted(await context.claim(over)).lease, aValue('old'), BRIEF_MS))
      await context.pass(BRIEF_MS)
      const asked = [strange(bound), unknown, rival(finished), rival(held), rival(idle), rival(left), rival(over)]
      const answers = await store.transaction((tx) => store.within(tx).claimAll(asked))
      const [reused, first, replay, busy, again, taken, anew] = answers as [
        never,
        never,
        never,
        never,
        never,
        never,
        never,
      ]
      mismatched(reused)
      assert.deepEqual([granted(first).attempt, granted(first).starts], [1, 1])
      sameResult(done(replay).result, aValue('v'))
      assert.ok(running(busy).retryAfterMs > 0)
      assert.deepEqual([granted(again).attempt, granted(again).starts], [1, 2])
      assert.deepEqual([granted(taken).attempt, granted(taken).steps.length], [2, 1])
      isAbove(granted(taken).lease.fence, abandoned.fence)
      assert.deepEqual([granted(anew).attempt, granted(anew).starts], [1, 1])
      const states = await store.find([unknown, finished, held, bound, idle, left, over].map(({ id }) => id))
      assert.deepEqual(
        states.map((record) => record?.state),
        ['done', 'done', 'running', 'done', 'done', 'done', 'done'],
      )
      sameResult(done(await context.claim(bound)).result, aValue('b'))
    },
  },
  {
    name: 'a batch whose transaction throws leaves no trace, and older records as they were',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const [before, ...rest] = several(10) as [ClaimRequest, ...ClaimRequest[]]
      await context.release(granted(await context.claim(before)).lease)
      const was = await context.find(before.id)
      const work = store.transaction(async (tx) => {
        for (const outcome of await store.within(tx).claimAll([...rest, rival(before)])) granted(outcome)
        throw undo
      })
      await assert.rejects(work, (thrown) => thrown === undo)
      for (const { id } of rest) assert.equal(await context.find(id), undefined)
      const is = await context.find(before.id)
      assert.deepEqual([is?.state, is?.fence, is?.starts], [was?.state, was?.fence, was?.starts])
    },
  },
  {
    name: 'a value may be put beside a claim of a batch, and the others stay without one',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const [one, other] = several(2) as [ClaimRequest, ClaimRequest]
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const [, second] = await claims.claimAll([one, other])
        assert.equal(await claims.complete(completion(granted(second as never).lease, aValue('kept'))), 'ok')
      })
      sameResult(done(await context.claim(rival(other))).result, aValue('kept'))
      withoutValue(done(await context.claim(rival(one))).result)
    },
  },
  {
    name: 'a batch undone by guarded can be claimed again in the same transaction',
    group,
    needs,
    async run({ store: opened, find }) {
      const store = transactional(opened)
      const requests = several(3)
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const work = claims.guarded(async () => {
          for (const outcome of await claims.claimAll(requests)) granted(outcome)
          throw undo
        })
        await assert.rejects(work, (thrown) => thrown === undo)
        for (const outcome of await claims.claimAll(requests)) assert.equal(granted(outcome).starts, 1)
      })
      for (const { id } of requests) assert.equal((await find(id))?.state, 'done')
    },
  },
  {
    name: 'a batch waits for a rival that claimed one of it, and is told its result',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const requests = several(5)
      const shared = requests[2] as ClaimRequest
      const second = rivalBeside(store, (tx) => store.within(tx).claimAll(requests))
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const { lease } = granted(await claims.claim(rival(shared)))
        await second.begins()
        await claims.complete(completion(lease, aValue('first')))
        second.mayBeAnswered()
      })
      const answers = await second.answer
      sameResult(done(answers[2]).result, aValue('first'))
      for (const [index, answer] of answers.entries()) if (index !== 2) granted(answer)
    },
  },
  {
    name: 'of 8 concurrent batches over the same 40 operations in different orders each operation is granted once',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const requests = several(40)
      const orders = Array.from({ length: 8 }, (_, turn) => {
        const turned = [...requests.slice(turn * 5), ...requests.slice(0, turn * 5)]
        return turn % 2 === 0 ? turned : turned.reverse()
      })
      const answers = await Promise.all(
        orders.map((order) =>
          store.transaction((tx) => store.within(tx).claimAll(order.map((request) => rival(request)))),
        ),
      )
      const wins = answers.flatMap((outcomes, batch) =>
        outcomes.flatMap((outcome, index) => (outcome.kind === 'granted' ? [orders[batch]?.[index]?.id] : [])),
      )
      assert.deepEqual([...wins].sort(), requests.map(({ id }) => id).sort())
      for (const outcome of answers.flat()) if (outcome.kind !== 'granted') done(outcome)
    },
  },
  {
    name: 'what is claimed in transactions, alone or together, is kept with its names, each for its own retention',
    group,
    needs,
    async run({ store: opened, find }) {
      const store = transactional(opened)
      const requests = [2, 1, 3].map((times) => fresh({ retentionMs: times * LONG_MS }))
      const [alone, ...together] = requests as [ClaimRequest, ...ClaimRequest[]]
      await store.transaction(async (tx) => {
        granted(await store.within(tx).claim(alone))
        for (const outcome of await store.within(tx).claimAll(together)) granted(outcome)
      })
      for (const { id, scope, key, fingerprint, owner, retentionMs } of requests) {
        const record = await find(id)
        assert.deepEqual(
          { scope: record?.scope, key: record?.key, fingerprint: record?.fingerprint, owner: record?.owner },
          { scope, key, fingerprint, owner },
        )
        isAbout('retainUntil', record?.retainUntil, record?.readAt, retentionMs)
      }
    },
  },
]
