import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'

/** What BullMQ says of a job before it sends it. */
const NOT_SENT = [
  /^(The size of job|The following options|Custom Id|Priority should|Deduplication |Debounce option|Jitter should)/,
  /^The client is (closed|offline)$/,
]
/** What Redis says before the first write of a script. Later ones say where in the script they were. */
const REFUSED = [/^(NOAUTH|OOM|MISCONF|NOREPLICAS) /, /^NOPERM (?!.*script)/s]

/** What the error of a job that was to be added says of it. */
export function failureOf(error: unknown): PublishResult {
  const reason = reasonOf(error)
  if ([...NOT_SENT, ...REFUSED].some((known) => known.test(reason))) return { ok: false, reason }
  return { ok: false, reason, unknown: true }
}
