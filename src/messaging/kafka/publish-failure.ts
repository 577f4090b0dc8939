import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'
import { isOneOf, isPermanent } from './refusal.ts'

/**
 * Errors about a whole topic, given before anything is stored. Errors about a partition are not included: other
 * partitions of the call may be stored, and the client, which retries and shows only the last error, may have lost an
 * answer.
 */
const REFUSED: ReadonlySet<string> = new Set([
  ...['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
  ...['INVALID_REQUIRED_ACKS', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION'],
])
const NOT_SENT = /^The producer is disconnect(ed|ing)/

/** A failed call of `send`. `wasSent` is false if it did not come to that call. */
export interface Failure {
  readonly error: unknown
  readonly wasSent: boolean
}

export function failureOf({ error, wasSent }: Failure): PublishResult {
  const reason = reasonOf(error)
  if (isPermanent(error)) return { ok: false, reason, permanent: true }
  return !wasSent || NOT_SENT.test(reason) || isOneOf(REFUSED, error)
    ? { ok: false, reason }
    : { ok: false, reason, unknown: true }
}
