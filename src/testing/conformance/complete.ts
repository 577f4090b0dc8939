import assert from 'node:assert/strict'
import { FOREVER } from '../../core/lifecycle.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  LONG_MS,
  rival,
  type StoreCase,
  sameResult,
  unchanged,
} from './harness.ts'

const group = 'complete'

const unknown = { kind: 'unknown', body: new Uint8Array() } as const

export const completeCases: readonly StoreCase[] = [
  {
    name: 'a completed operation is done, with its result and without a live lease',
    group,
    async run({ claim, complete, find }) {
      const { lease } = granted(await claim(fresh()))
      assert.equal(await complete(completion(lease, aValue('v'))), 'ok')
      const record = await find(lease.id)
      assert.equal(record?.state, 'done')
      sameResult(record?.result, aValue('v'))
      assert.ok((record?.leaseUntil ?? Infinity) <= (record?.readAt ?? 0))
    },
  },
  {
    name: 'every kind of result comes back as it was',
    group,
    async run({ claim, complete }) {
      for (const kind of ['value', 'error', 'unstorable', 'unknown'] as const) {
        const request = fresh()
        const result = { kind, body: aValue(`as ${kind}`).body }
        assert.equal(await complete(completion(granted(await claim(request)).lease, result)), 'ok')
        sameResult(done(await claim(rival(request))).result, result)
      }
    },
  },
  {
    name: 'a completion repeated by its owner is ok and changes nothing, also with other bytes, kind and retention',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.complete(completion(lease, aValue('first')))
      for (const repeat of [
        completion(lease, aValue('first')),
        completion(lease, aValue('second')),
        completion(lease, { kind: 'error', body: aValue('third').body }, 5 * LONG_MS),
        completion(lease, unknown, 1),
      ]) {
        assert.equal(await unchanged(context, lease.id, () => context.complete(repeat)), 'ok')
      }
    },
  },
  {
    name: 'an owner whose lease is over may complete while nobody took over',
    group,
    async run({ claim, complete, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      await pass(BRIEF_MS)
      assert.equal(await complete(completion(lease, aValue('late'))), 'ok')
      sameResult(done(await claim(rival(request))).result, aValue('late'))
    },
  },
  {
    name: 'an owner that was taken over cannot complete, and the new one can',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const slow = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      const quick = granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      const late = completion(slow.lease, aValue('slow'))
      assert.equal(await unchanged(context, request.id, () => context.complete(late)), 'lost')
      assert.equal(await context.complete(completion(quick.lease, aValue('quick'))), 'ok')
      assert.equal(await unchanged(context, request.id, () => context.complete(late)), 'lost')
      sameResult(done(await context.claim(rival(request))).result, aValue('quick'))
    },
  },
  {
    name: 'retention counts from the completion, and is the one the completion asks for',
    group,
    async run({ claim, complete, find, pass }) {
      const short = granted(await claim(fresh()))
      const long = granted(await claim(fresh({ leaseMs: BRIEF_MS, retentionMs: LONG_MS })))
      await pass(BRIEF_MS)
      const before = await find(long.lease.id)
      await complete(completion(short.lease, aValue('s'), BRIEF_MS))
      await complete(completion(long.lease, aValue('l'), 2 * LONG_MS))
      const after = await find(long.lease.id)
      const countedFrom = (after?.retainUntil ?? 0) - 2 * LONG_MS
      assert.ok(countedFrom >= (before?.readAt ?? Infinity) - 1 && countedFrom <= (after?.readAt ?? 0) + 1)
      await pass(2 * BRIEF_MS)
      assert.equal(await find(short.lease.id), undefined)
      assert.equal((await find(long.lease.id))?.state, 'done')
    },
  },
  {
    name: 'completing a step-by-step operation keeps its result and counters',
    group,
    async run({ claim, renew, complete, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const first = granted(await claim(request))
      const steps = [{ name: 'one', result: new Uint8Array(3) }]
      await renew({ lease: first.lease, leaseMs: BRIEF_MS, retentionMs: LONG_MS, steps })
      await pass(BRIEF_MS)
      const { lease } = granted(await claim(rival(request, { leaseMs: LONG_MS })))
      assert.equal(await complete(completion(lease, aValue('v'))), 'ok')
      const record = await find(request.id)
      sameResult(record?.result, aValue('v'))
      assert.deepEqual([record?.attempt, record?.starts, record?.fence], [2, 2, lease.fence])
    },
  },
  {
    name: 'a completed operation keeps no steps',
    group,
    async run({ claim, renew, complete, find }) {
      const { lease } = granted(await claim(fresh()))
      const steps = [{ name: 'one', result: new Uint8Array(3) }]
      assert.equal(await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps }), 'ok')
      assert.equal(await complete(completion(lease, aValue('v'))), 'ok')
      assert.deepEqual((await find(lease.id))?.steps, [])
    },
  },
  {
    name: 'an unknown result is kept for ever, whatever its retention, and no sweep removes it',
    group,
    async run({ store, claim, complete, find, pass }) {
      const request = fresh()
      await complete(completion(granted(await claim(request)).lease, unknown, BRIEF_MS))
      await pass(2 * BRIEF_MS)
      await store.sweep(100)
      assert.equal(done(await claim(rival(request))).result.kind, 'unknown')
      assert.equal((await find(request.id))?.retainUntil, FOREVER)
    },
  },
  {
    name: 'an unknown result is replaced by a definite one of the same lease, for the retention of that one',
    group,
    async run({ claim, complete, pass }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      await complete(completion(lease, unknown))
      assert.equal(await complete(completion(lease, aValue('it happened'), BRIEF_MS)), 'ok')
      sameResult(done(await claim(rival(request))).result, aValue('it happened'))
      await pass(BRIEF_MS)
      granted(await claim(rival(request)))
    },
  },
  {
    name: 'an unknown result is replaced by an error, and by one that could not be stored, as by a value',
    group,
    async run({ claim, complete }) {
      for (const kind of ['error', 'unstorable'] as const) {
        const request = fresh()
        const { lease } = granted(await claim(request))
        await complete(completion(lease, unknown))
        const result = { kind, body: aValue('it failed').body }
        assert.equal(await complete(completion(lease, result)), 'ok')
        sameResult(done(await claim(rival(request))).result, result)
      }
    },
  },
  {
    name: 'an unknown result is not replaced by another unknown one',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.complete(completion(lease, unknown))
      await context.pass(BRIEF_MS)
      const again = completion(lease, { kind: 'unknown', body: aValue('other').body }, 1)
      assert.equal(await unchanged(context, lease.id, () => context.complete(again)), 'ok')
    },
  },
  {
    name: 'an unknown result is not replaced by another lease',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const first = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      const second = granted(await context.claim(rival(request)))
      await context.complete(completion(second.lease, unknown))
      const late = completion(first.lease, aValue('late'))
      assert.equal(await unchanged(context, request.id, () => context.complete(late)), 'lost')
    },
  },
]
