import {
  decideClaim,
  decideComplete,
  decideRelease,
  decideRenew,
  isAbandoned,
  isSweepable,
} from '../../src/core/lifecycle.ts'
import type { Lease, OperationRecord } from '../../src/core/record.ts'
import type { Store } from '../../src/core/store.ts'
import { BROKEN_ANSWERS } from './broken-answers.ts'
import { BROKEN_FACTS } from './broken-facts.ts'
import { BROKEN_PROCESSES } from './broken-processes.ts'
import { BROKEN_RACES } from './broken-races.ts'
import type { Rules } from './rules-store.ts'

export interface Broken {
  readonly what: string
  /**
   * The model of the property tests does not notice it: it makes one request at a time, by id, and judges by the kind of the
   * answer. It lists and watches nothing, and lets no days pass.
   */
  readonly byModel?: false
  readonly rules?: Partial<Rules>
  readonly wrap?: (store: Store) => Partial<Store>
  readonly caughtBy: string
}

/** One defect each, as somebody may really make it, and a case that must notice. */
export const BROKEN: readonly Broken[] = [
  {
    what: 'complete does not look at the owner',
    rules: {
      decideComplete: (record, one, now) => decideComplete(record, { ...one, lease: current(record, one.lease) }, now),
    },
    caughtBy: 'an owner that was taken over cannot complete, and the new one can',
  },
  {
    what: 'complete looks at the owner, but not at the fence',
    rules: {
      decideComplete: (record, one, now) =>
        decideComplete(
          record,
          record?.owner === one.lease.owner ? { ...one, lease: current(record, one.lease) } : one,
          now,
        ),
    },
    caughtBy: 'the fence tells two claims of one owner apart',
  },
  {
    what: 'release does not look at the owner',
    rules: { decideRelease: (record, lease, now) => decideRelease(record, current(record, lease), now) },
    caughtBy: 'an owner that was taken over cannot release',
  },
  {
    what: 'renew does not look at the owner',
    rules: {
      decideRenew: (record, one, now) => decideRenew(record, { ...one, lease: current(record, one.lease) }, now),
    },
    caughtBy: 'a renewal that was lost does not save its steps',
  },
  {
    what: 'release lets go of the fingerprint',
    rules: {
      decideClaim: (record, request, now, floor) =>
        decideClaim(
          record?.state === 'idle' ? { ...record, fingerprint: request.fingerprint } : record,
          request,
          now,
          floor,
        ),
    },
    caughtBy: 'another payload is a mismatch after a release, and changes nothing',
  },
  {
    what: 'the lease is judged before the fingerprint',
    rules: {
      decideClaim: (record, request, now, floor) =>
        decideClaim(
          record !== undefined && isAbandoned(record, now) ? { ...record, fingerprint: request.fingerprint } : record,
          request,
          now,
          floor,
        ),
    },
    caughtBy: 'another payload is a mismatch after the lease is over: it does not take over, and changes nothing',
  },
  {
    what: 'in-flight beats a mismatch',
    rules: {
      decideClaim: (record, request, now, floor) =>
        record?.state === 'running' && record.leaseUntil > now && record.owner !== request.owner
          ? { outcome: { kind: 'running', retryAfterMs: record.leaseUntil - now } }
          : decideClaim(record, request, now, floor),
    },
    caughtBy: 'another payload is a mismatch while the operation is running, and changes nothing',
  },
  {
    what: 'the fingerprint is judged before the retention',
    rules: {
      decideClaim: (record, request, now, floor) =>
        record !== undefined && record.fingerprint !== request.fingerprint
          ? { outcome: { kind: 'mismatch' } }
          : decideClaim(record, request, now, floor),
    },
    caughtBy: 'a done operation whose retention is over is new, also to another payload',
  },
  {
    what: 'a claim repeated by its owner is a new claim',
    rules: {
      decideClaim: (record, request, now, floor) =>
        decideClaim(
          record?.owner === request.owner && record.state === 'running' ? { ...record, state: 'idle' } : record,
          request,
          now,
          floor,
        ),
    },
    caughtBy: 'a claim repeated by its owner is granted the same lease again, and changes nothing',
  },
  {
    what: 'retention counts from the claim',
    rules: {
      decideComplete: (record, one, now) => {
        const { outcome, write } = decideComplete(record, one, now)
        if (write === undefined || one.result.kind === 'unknown')
          return write === undefined ? { outcome } : { outcome, write }
        return { outcome, write: { ...write, retainUntil: write.createdAt + one.retentionMs } }
      },
    },
    caughtBy: 'retention counts from the completion, and is the one the completion asks for',
  },
  {
    what: 'a completion after steps loses the result',
    rules: {
      decideComplete: (record, one, now) =>
        decideComplete(
          record,
          record !== undefined && record.steps.length > 0
            ? { ...one, result: { ...one.result, body: new Uint8Array() } }
            : one,
          now,
        ),
    },
    caughtBy: 'completing a step-by-step operation keeps its result and counters',
  },
  {
    what: 'a new operation keeps the result of the one that was over',
    rules: {
      decideClaim: (record, request, now, floor) => {
        const { outcome, write } = decideClaim(record, request, now, floor)
        if (write === undefined) return { outcome }
        return { outcome, write: record?.result === undefined ? write : { ...write, result: record.result } }
      },
    },
    caughtBy: 'a done operation whose retention is over is new, also to another payload',
  },
  {
    what: 'a completion keeps the steps',
    rules: {
      decideComplete: (record, one, now) => {
        const { outcome, write } = decideComplete(record, one, now)
        return write === undefined ? { outcome } : { outcome, write: { ...write, steps: record?.steps ?? [] } }
      },
    },
    caughtBy: 'a completed operation keeps no steps',
  },
  {
    what: 'a takeover starts the steps anew',
    rules: {
      decideClaim: (record, request, now, floor) =>
        decideClaim(
          record !== undefined && isAbandoned(record, now) ? { ...record, steps: [] } : record,
          request,
          now,
          floor,
        ),
    },
    caughtBy: 'steps are handed to the owner that takes over, which may add to them',
  },
  {
    what: 'a takeover is not counted as an attempt',
    rules: {
      decideClaim: (record, request, now, floor) =>
        decideClaim(record && { ...record, attempt: 0 }, request, now, floor),
    },
    caughtBy: 'an operation whose lease is over is taken over, as one more attempt and start, with a larger fence',
  },
  {
    what: 'sweep removes running records whose lease is live',
    rules: { isSweepable: (record, now) => isSweepable(record, now) || record.state === 'running' },
    caughtBy: 'a sweep does not touch what is within its retention: done, idle, abandoned, unknown or running',
  },
  {
    what: 'sweep removes unknown results',
    rules: { isSweepable: (record, now) => isSweepable(record, now) || record.result?.kind === 'unknown' },
    caughtBy: 'an unknown result is kept for ever, whatever its retention, and no sweep removes it',
  },
  {
    what: 'fences start over when a record is removed',
    rules: { remembersFences: false },
    caughtBy: 'fences grow across a forgotten running record',
  },
  {
    what: 'renew brings a removed record back',
    rules: {
      decideRenew: (record, one, now) => {
        if (record !== undefined) return decideRenew(record, one, now)
        const { id, owner, fence } = one.lease
        const request = { ...one, id, owner, fingerprint: 'v1:one' }
        const { write } = decideClaim(undefined, request, now, fence - 1)
        return write === undefined ? { outcome: 'ok' } : { outcome: 'ok', write }
      },
    },
    caughtBy: 'no late write revives a forgotten record',
  },
  {
    what: 'a late write brings a record back whose retention is over',
    rules: {
      decideComplete: (record, one, now) =>
        decideComplete(record && { ...record, retainUntil: Math.max(record.retainUntil, now + 1) }, one, now),
    },
    caughtBy: 'no late write revives a record whose retention is over and that no sweep has met yet',
  },
  {
    what: 'the lease decides who may complete, not the owner',
    rules: {
      decideComplete: (record, one, now) =>
        record !== undefined && isAbandoned(record, now) ? { outcome: 'lost' } : decideComplete(record, one, now),
    },
    caughtBy: 'an owner whose lease is over may complete while nobody took over',
  },
  {
    what: 'a repeated completion replaces the result',
    rules: {
      decideComplete: (record, one, now) =>
        decideComplete(record?.state === 'done' ? { ...record, state: 'running' } : record, one, now),
    },
    caughtBy: 'a completion repeated by its owner is ok and changes nothing, also with other bytes, kind and retention',
  },
  {
    what: 'an unknown result is replaced by another unknown one',
    rules: {
      decideComplete: (record, one, now) =>
        decideComplete(record?.result?.kind === 'unknown' ? { ...record, state: 'running' } : record, one, now),
    },
    caughtBy: 'an unknown result is not replaced by another unknown one',
  },
  {
    what: 'a repeated release is lost',
    rules: {
      decideRelease: (record, lease, now) =>
        record?.state === 'idle' ? { outcome: 'lost' } : decideRelease(record, lease, now),
    },
    caughtBy: 'a repeated release is ok and changes nothing',
  },
  {
    what: 'a release forgets that an owner was abandoned before',
    rules: {
      decideRelease: (record, lease, now) => {
        const { outcome, write } = decideRelease(record, lease, now)
        return write === undefined ? { outcome } : { outcome, write: { ...write, attempt: 0 } }
      },
    },
    caughtBy: 'a release takes back its own attempt only: an owner abandoned before it is not forgotten',
  },
  {
    what: 'renew sets the lease, also to an earlier end',
    rules: {
      decideRenew: (record, one, now) => decideRenew(record && { ...record, leaseUntil: now }, one, now),
    },
    caughtBy: 'renewing never shortens a lease',
  },
  {
    what: 'renew takes a shorter list of steps',
    rules: {
      decideRenew: (record, one, now) =>
        decideRenew(record && one.steps !== undefined ? { ...record, steps: [] } : record, one, now),
    },
    caughtBy: 'steps are saved by renewing, and the longer list stays',
  },
  {
    what: 'keys are compared without case',
    byModel: false,
    rules: { idOf: (id, key) => (key === undefined ? id : key.toLowerCase()) },
    caughtBy: 'keys that look alike are different operations, and each reads back as it was written',
  },
  ...BROKEN_FACTS,
  ...BROKEN_ANSWERS,
  ...BROKEN_PROCESSES,
  ...BROKEN_RACES,
]

function current(record: OperationRecord | undefined, lease: Lease): Lease {
  return record === undefined ? lease : { id: lease.id, owner: record.owner, fence: record.fence }
}
