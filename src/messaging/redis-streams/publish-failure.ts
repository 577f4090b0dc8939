import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'

/** What a client says of a command that it did not send. */
const NOT_SENT = /^The client is (closed|offline)$/
/**
 * What Redis says of a command that it did not run. Not what it says of its role (READONLY, LOADING, MOVED): a client
 * that lost the connection sends the command again, and the first one may have been run before a fail-over.
 */
const REFUSED = [
  /^(WRONGTYPE|NOPERM|NOAUTH|OOM|MISCONF|NOREPLICAS|CROSSSLOT) /,
  /^ERR (unknown|syntax|wrong number|invalid|the ID) /i,
]

/** What the error of an entry that was to be appended says of it. */
export function failureOf(error: unknown): PublishResult {
  const reason = reasonOf(error)
  if ([NOT_SENT, ...REFUSED].some((known) => known.test(reason))) return { ok: false, reason }
  return { ok: false, reason, unknown: true }
}
