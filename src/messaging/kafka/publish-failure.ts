import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'
import { isPermanent } from './refusal.ts'

/**
 * What Kafka says of a whole topic, before it stores anything. What it says of a partition is not here: others of the
 * same call may be stored; and the client, which tries again and shows the last error only, may have lost an answer.
 */
const REFUSED: ReadonlySet<string> = new Set([
  ...['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
  ...['INVALID_REQUIRED_ACKS', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION'],
])
const NOT_SENT = /^The producer is disconnect(ed|ing)/

/** Of a call to send. `wasSent` false: it did not come so far. */
export interface Failure {
  readonly error: unknown
  readonly wasSent: boolean
}

export function failureOf({ error, wasSent }: Failure): PublishResult {
  const reason = reasonOf(error)
  if (isPermanent(error)) return { ok: false, reason, permanent: true }
  return !wasSent || NOT_SENT.test(reason) || isRefusal(error)
    ? { ok: false, reason }
    : { ok: false, reason, unknown: true }
}

function isRefusal(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (REFUSED.has(String((at as { readonly type?: unknown }).type))) return true
  }
  return false
}
