import assert from 'node:assert/strict'
import type { Lease } from '../../core/record.ts'
import type { ClaimRequest } from '../../core/store.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  LONG_MS,
  newOwner,
  rival,
  running,
  type StoreCase,
  type StoreContext,
  unchanged,
} from './harness.ts'

const group = 'late writes'

/** Tries every write with a lease that no longer counts: each must return `lost` and change nothing. */
async function powerless(context: StoreContext, lease: Lease): Promise<void> {
  const steps = [{ name: 'late', result: new Uint8Array(2) }]
  const writes = {
    renew: () => context.renew({ lease, leaseMs: 5 * LONG_MS, retentionMs: LONG_MS, steps }),
    complete: () => context.complete(completion(lease, aValue('late'))),
    release: () => context.release(lease),
  }
  for (const [verb, write] of Object.entries(writes)) {
    assert.equal(await unchanged(context, lease.id, write), 'lost', `a late ${verb} is lost`)
  }
}

/** No record exists: the late writes must leave the operation new, for any payload. */
async function stillNew(context: StoreContext, request: ClaimRequest): Promise<void> {
  assert.equal(await context.find(request.id), undefined)
  assert.equal(granted(await context.claim(rival(request, { fingerprint: 'v1:new' }))).starts, 1)
}

export const lateWriteCases: readonly StoreCase[] = [
  {
    name: 'nothing can be written to an operation that was never claimed',
    group,
    async run(context) {
      const request = fresh()
      await powerless(context, { id: request.id, owner: request.owner, fence: 1 })
      await stillNew(context, request)
    },
  },
  {
    name: 'every late write is lost after a takeover',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      await powerless(context, lease)
      running(await context.claim(rival(request)))
    },
  },
  {
    name: 'every late write is lost after a release and the claim of another',
    group,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      await context.release(lease)
      granted(await context.claim(rival(request)))
      await powerless(context, lease)
    },
  },
  {
    name: 'a released operation can be neither renewed nor completed by its former owner',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.release(lease)
      const renewal = { lease, leaseMs: LONG_MS, retentionMs: LONG_MS }
      assert.equal(await unchanged(context, lease.id, () => context.renew(renewal)), 'lost')
      const late = completion(lease, aValue('late'))
      assert.equal(await unchanged(context, lease.id, () => context.complete(late)), 'lost')
    },
  },
  {
    name: 'a done operation cannot be renewed',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.complete(completion(lease, aValue('v')))
      const renewal = { lease, leaseMs: 2 * LONG_MS, retentionMs: 2 * LONG_MS }
      assert.equal(await unchanged(context, lease.id, () => context.renew(renewal)), 'lost')
    },
  },
  {
    name: 'no late write revives a forgotten record',
    group,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      await context.store.forget([request.id])
      await powerless(context, lease)
      await stillNew(context, request)
    },
  },
  {
    name: 'no late write revives a swept record',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(2 * BRIEF_MS)
      await context.store.sweep(100)
      await powerless(context, lease)
      await stillNew(context, request)
    },
  },
  {
    name: 'no late write revives a record whose retention is over and that no sweep has met yet',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(2 * BRIEF_MS)
      await powerless(context, lease)
      await stillNew(context, request)
    },
  },
  {
    name: 'a stale owner stays powerless when it comes back after a release, a sweep and the claim of another',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.release(lease)
      await context.pass(2 * BRIEF_MS)
      await context.store.sweep(100)
      granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      await powerless(context, lease)
    },
  },
  {
    name: 'the fence tells two claims of one owner apart',
    group,
    async run(context) {
      const request = fresh()
      const first = granted(await context.claim(request))
      await context.store.forget([request.id])
      const second = granted(await context.claim(request))
      await powerless(context, first.lease)
      assert.equal(await context.complete(completion(second.lease, aValue('v'))), 'ok')
    },
  },
  {
    name: 'owner and fence must both be those of the claim, exactly',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh({ owner: 'abcdef0123456789abcdef0123456789' })))
      await powerless(context, { ...lease, fence: lease.fence + 1 })
      await powerless(context, { ...lease, fence: lease.fence - 1 })
      await powerless(context, { ...lease, owner: newOwner() })
      await powerless(context, { ...lease, owner: lease.owner.toUpperCase() })
      await powerless(context, { ...lease, owner: `${lease.owner} ` })
      assert.equal(await context.complete(completion(lease, aValue('v'))), 'ok')
    },
  },
]
