import { reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { PublishResult } from '../../core/publisher.ts'
import { apiCode } from './client.ts'

/** Larger than the stream or the server takes. */
const TOO_LARGE = 10_054
/** Outcome unknown: JetStream is not ready; a stream failed to store; another copy is being stored. */
const CANNOT_TELL: ReadonlySet<number> = new Set([10_008, 10_077, 10_158])
/** Client errors given before anything is sent. A connection closed while waiting gives a `RequestError`. */
const NOT_SENT: ReadonlySet<string> = new Set([
  ...['InvalidArgumentError', 'InvalidSubjectError', 'ClosedConnectionError', 'DrainingConnectionError'],
])
/** A full stream answers with the code of a failed store; only the text differs. */
const IS_FULL = /^maximum /

/** The message will never be accepted. */
export const refused = (reason: string): PublishResult => ({ ok: false, reason, permanent: true })

/** Returns the result for a message whose publishing failed with `error`. */
export function failureOf(error: unknown, subject: string): PublishResult {
  const name = nameOf(error)
  // The client's name for "nobody answered": no stream takes the subject, or there is no JetStream.
  if (name === 'JetStreamNotEnabled') return { ok: false, reason: `no stream takes the subject ${quote(subject)}` }
  const reason = reasonOf(error)
  const tooLarge = apiCode(error) === TOO_LARGE || (name === 'InvalidArgumentError' && /max_payload/.test(reason))
  if (tooLarge) return refused(reason)
  return isRefusal(error) ? { ok: false, reason } : { ok: false, reason, unknown: true }
}

/** Codes from 10 000 on are answers of JetStream itself. */
function isRefusal(error: unknown): boolean {
  if (NOT_SENT.has(nameOf(error)) || mayNotPublish(error)) return true
  const code = apiCode(error) ?? 0
  return code >= 10_000 && (!CANNOT_TELL.has(code) || IS_FULL.test(reasonOf(error)))
}

/** Only for publishing: a user who may not read the answers gets this error too, when the message may be stored. */
function mayNotPublish(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (at.name === 'PermissionViolationError') return (at as { readonly operation?: unknown }).operation === 'publish'
  }
  return false
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')
