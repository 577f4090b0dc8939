import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'

/** BullMQ errors for a job that was not sent. */
const NOT_SENT = [
  /^(The size of job|The following options|Custom Id|Priority should|Deduplication |Debounce option|Jitter should)/,
  /^The client is (closed|offline)$/,
]
/** Redis errors given before a script's first write. Later ones name the place in the script. */
const REFUSED = [/^(NOAUTH|OOM|MISCONF|NOREPLICAS) /, /^NOPERM (?!.*script)/s]

/** Returns the result for a job that could not be added because of `error`. */
export function failureOf(error: unknown): PublishResult {
  const reason = reasonOf(error)
  if ([...NOT_SENT, ...REFUSED].some((known) => known.test(reason))) return { ok: false, reason }
  return { ok: false, reason, unknown: true }
}
