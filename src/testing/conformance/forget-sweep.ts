import assert from 'node:assert/strict'
import type { Lease } from '../../core/record.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  LONG_MS,
  rival,
  type StoreCase,
  type StoreContext,
  strange,
} from './harness.ts'

const group = 'forget and sweep'

/** Claims and completes `count` operations, which are retained for `retentionMs`. */
async function completed({ store }: StoreContext, count: number, retentionMs: number): Promise<readonly Lease[]> {
  const claims = await store.claim(Array.from({ length: count }, () => fresh()))
  const leases = claims.map((outcome) => granted(outcome).lease)
  await store.complete(leases.map((lease) => completion(lease, aValue('v'), retentionMs)))
  return leases
}

export const forgetSweepCases: readonly StoreCase[] = [
  {
    name: 'forgetting removes records in every state, and counts them',
    group,
    async run({ store, claim, complete, release, find, pass }) {
      const abandoned = granted(await claim(fresh({ leaseMs: BRIEF_MS }))).lease
      await pass(BRIEF_MS)
      const live = granted(await claim(fresh())).lease
      const idle = granted(await claim(fresh())).lease
      await release(idle)
      const finished = granted(await claim(fresh())).lease
      await complete(completion(finished, aValue('v')))
      const unknown = granted(await claim(fresh())).lease
      await complete(completion(unknown, { kind: 'unknown', body: new Uint8Array() }))
      const ids = [abandoned, live, idle, finished, unknown].map(({ id }) => id)
      assert.equal(await store.forget([...ids, fresh().id]), 5)
      assert.equal(await store.forget(ids), 0)
      for (const id of ids) assert.equal(await find(id), undefined)
    },
  },
  {
    name: 'a forgotten operation is new, also to another payload',
    group,
    async run({ store, claim, complete }) {
      const request = fresh()
      await complete(completion(granted(await claim(request)).lease, aValue('v')))
      await store.forget([request.id])
      const { attempt, starts, steps } = granted(await claim(strange(request)))
      assert.deepEqual({ attempt, starts, steps }, { attempt: 1, starts: 1, steps: [] })
    },
  },
  {
    name: 'forgetting leaves the others alone',
    group,
    async run({ store, claim, find }) {
      const kept = fresh()
      const gone = fresh()
      granted(await claim(kept))
      granted(await claim(gone))
      assert.equal(await store.forget([gone.id]), 1)
      assert.equal((await find(kept.id))?.owner, kept.owner)
    },
  },
  {
    name: 'a sweep removes what is past its retention, in every state, and answers how many',
    group,
    async run(context) {
      const { store, claim, release, find } = context
      const brief = { leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }
      const [finished] = await completed(context, 1, BRIEF_MS)
      const abandoned = granted(await claim(fresh(brief))).lease
      const idle = granted(await claim(fresh(brief))).lease
      await release(idle)
      await context.pass(2 * BRIEF_MS)
      const swept = await store.sweep(100)
      if (store.traits.selfExpiring) assert.ok(swept <= 3)
      else assert.equal(swept, 3)
      assert.equal(await store.sweep(100), 0)
      for (const lease of [finished as Lease, abandoned, idle]) assert.equal(await find(lease.id), undefined)
    },
  },
  {
    name: 'a sweep does not touch what is within its retention: done, idle, abandoned, unknown or running',
    group,
    async run(context) {
      const { store, claim, complete, release, find, pass } = context
      const [finished] = await completed(context, 1, LONG_MS)
      const abandoned = granted(await claim(fresh({ leaseMs: BRIEF_MS }))).lease
      const live = granted(await claim(fresh({ retentionMs: 1 }))).lease
      const idle = granted(await claim(fresh())).lease
      await release(idle)
      const unknown = granted(await claim(fresh())).lease
      await complete(completion(unknown, { kind: 'unknown', body: new Uint8Array() }, 1))
      await pass(BRIEF_MS)
      assert.equal(await store.sweep(100), 0)
      const left = [finished as Lease, abandoned, live, idle, unknown]
      for (const lease of left) assert.equal((await find(lease.id))?.fence, lease.fence)
    },
  },
  {
    name: 'a sweep never removes a running record whose lease was renewed in time',
    group,
    async run({ store, claim, renew, complete, pass }) {
      const { lease } = granted(await claim(fresh({ leaseMs: BRIEF_MS, retentionMs: 1 })))
      assert.equal(await renew({ lease, leaseMs: LONG_MS, retentionMs: 1 }), 'ok')
      await pass(2 * BRIEF_MS)
      assert.equal(await store.sweep(100), 0)
      assert.equal(await complete(completion(lease, aValue('v'))), 'ok')
    },
  },
  {
    name: 'a sweep removes at most as many as it was told, and the next goes on',
    group,
    async run(context) {
      await completed(context, 7, BRIEF_MS)
      await context.pass(BRIEF_MS)
      const counts: number[] = []
      for (let round = 0; round < 4; round++) counts.push(await context.store.sweep(3))
      if (context.store.traits.selfExpiring) assert.ok(counts.every((count) => count <= 3))
      else assert.deepEqual(counts, [3, 3, 1, 0])
    },
  },
  {
    name: 'a record claimed again after its retention is not swept',
    group,
    async run({ store, claim, complete, find, pass }) {
      const request = fresh()
      await complete(completion(granted(await claim(request)).lease, aValue('v'), BRIEF_MS))
      await pass(BRIEF_MS)
      const { lease } = granted(await claim(rival(request)))
      assert.equal(await store.sweep(100), 0)
      assert.equal((await find(request.id))?.fence, lease.fence)
    },
  },
]
