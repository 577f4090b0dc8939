import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'

/** Client errors for a command that was not sent. */
const NOT_SENT = /^The client is (closed|offline)$/
/**
 * Redis errors for a command that was not run. Not those about its role (READONLY, LOADING, MOVED): a client that lost
 * the connection sends the command again, and the first one may have been run before a fail-over.
 */
const REFUSED = [
  /^(WRONGTYPE|NOPERM|NOAUTH|OOM|MISCONF|NOREPLICAS|CROSSSLOT) /,
  /^ERR (unknown|syntax|wrong number|invalid|the ID) /i,
]

/** Returns the result for an entry that could not be appended because of `error`. */
export function failureOf(error: unknown): PublishResult {
  const reason = reasonOf(error)
  if ([NOT_SENT, ...REFUSED].some((known) => known.test(reason))) return { ok: false, reason }
  return { ok: false, reason, unknown: true }
}
