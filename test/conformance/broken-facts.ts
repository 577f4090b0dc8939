import { decideClaim, decideComplete, decideRelease, decideRenew } from '../../src/core/lifecycle.ts'
import type { OperationRecord } from '../../src/core/record.ts'
import type { Broken } from './broken-stores.ts'

const STAY = 'scope, key, payload and the moment of the first claim stay through every verb'
const ASKED = 'a takeover, and a claim after a release, have the lease and the retention that they ask for'
const FROM_NOW = 'renewing counts the lease from now, and the retention from the end of the lease'

/** The outcome of a decision, with a record that `change` spoilt. */
function spoilt<T extends { readonly write?: OperationRecord }>(
  decision: T,
  change: (write: OperationRecord) => Partial<OperationRecord>,
): T {
  return decision.write === undefined
    ? decision
    : { ...decision, write: { ...decision.write, ...change(decision.write) } }
}

/** Right outcomes, after which the record says something else than it should. */
export const BROKEN_FACTS: readonly Broken[] = [
  {
    what: 'a takeover is a new operation',
    byModel: false,
    rules: {
      decideClaim: (record, request, now, floor) =>
        spoilt(decideClaim(record, request, now, floor), () => ({ createdAt: now })),
    },
    caughtBy: STAY,
  },
  {
    what: 'a completion keeps no key',
    byModel: false,
    rules: {
      decideComplete: (record, one, now) => {
        const { outcome, write } = decideComplete(record, one, now)
        if (write === undefined) return { outcome }
        const { key: _, ...rest } = write
        return { outcome, write: rest }
      },
    },
    caughtBy: STAY,
  },
  {
    what: 'a takeover is kept for as long as the claim before it',
    rules: {
      decideClaim: (record, request, now, floor) =>
        spoilt(decideClaim(record, request, now, floor), (write) => ({
          retainUntil: record !== undefined && record.retainUntil > now ? record.retainUntil : write.retainUntil,
        })),
    },
    caughtBy: ASKED,
  },
  {
    what: 'a renewal is kept for its retention, not for its lease and its retention',
    rules: {
      decideRenew: (record, one, now) =>
        spoilt(decideRenew(record, one, now), () => ({
          retainUntil: Math.max(record?.retainUntil ?? 0, now + one.retentionMs),
        })),
    },
    caughtBy: FROM_NOW,
  },
  {
    what: 'a renewal adds to the lease',
    rules: {
      decideRenew: (record, one, now) =>
        spoilt(decideRenew(record, one, now), () => ({ leaseUntil: (record?.leaseUntil ?? 0) + one.leaseMs })),
    },
    caughtBy: FROM_NOW,
  },
  {
    what: 'what was released is kept for as long as the lease would have run',
    rules: {
      decideRelease: (record, lease, now) =>
        spoilt(decideRelease(record, lease, now), () => ({ retainUntil: record?.leaseUntil ?? 0 })),
    },
    caughtBy: 'a released operation is kept, with its payload, until the retention of its claim is over',
  },
  {
    what: 'an unknown result is kept for a day',
    byModel: false,
    rules: {
      decideComplete: (record, one, now) =>
        spoilt(decideComplete(record, one, now), (write) => ({
          retainUntil: Math.min(write.retainUntil, now + 86_400_000),
        })),
    },
    caughtBy: 'an unknown result is kept for ever, whatever its retention, and no sweep removes it',
  },
  {
    what: 'an unknown result is replaced by a value only',
    byModel: false,
    rules: {
      decideComplete: (record, one, now) =>
        record?.result?.kind === 'unknown' && one.result.kind !== 'value'
          ? { outcome: record.fence === one.lease.fence && record.owner === one.lease.owner ? 'ok' : 'lost' }
          : decideComplete(record, one, now),
    },
    caughtBy: 'an unknown result is replaced by an error, and by one that could not be stored, as by a value',
  },
  {
    what: 'the last owner is not asked for its payload',
    rules: {
      decideClaim: (record, request, now, floor) =>
        record?.state === 'idle' && record.owner === request.owner && record.retainUntil > now
          ? { outcome: { kind: 'running', retryAfterMs: 0 } }
          : decideClaim(record, request, now, floor),
    },
    caughtBy: 'another payload is a mismatch to the owner too, running or released',
  },
]
