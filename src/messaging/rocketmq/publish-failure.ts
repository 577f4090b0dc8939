import { reasonOf } from '../../core/errors.ts'
import type { PublishResult } from '../../core/publisher.ts'
import { CODE, codeOf } from './client.ts'

const NEVER_TAKEN: ReadonlySet<number | undefined> = new Set([
  CODE.illegalTopic,
  CODE.illegalTag,
  CODE.illegalKey,
  CODE.illegalGroup,
  CODE.illegalProperty,
  CODE.illegalDeliveryTime,
  CODE.conflictWithType,
  CODE.payloadTooLarge,
  CODE.bodyTooLarge,
  CODE.bodyEmpty,
  CODE.headersTooLarge,
  CODE.propertiesTooLarge,
])
/** The client's own refusals have no code: a body that is too large, a topic of another type. */
const CLIENT_REFUSED = /^(Message body size exceeds|Current message type not match)/
/** Unauthorised, payment required, forbidden, no such topic. */
const REFUSED: ReadonlySet<number | undefined> = new Set([40_100, 40_200, 40_300, 40_400, 40_402])
const NOT_SENT = /^(Producer is not running now|delay\/deliveryTimestamp is mutually exclusive)/

/**
 * Returns the result for a message whose sending failed with `error`. The client tries several times and shows only the
 * last error, so one about the broker's state (too busy, say) may come after a time-out: unknown.
 */
export function failureOf(error: unknown): PublishResult {
  const reason = reasonOf(error)
  const code = codeOf(error)
  if (NEVER_TAKEN.has(code) || CLIENT_REFUSED.test(reason)) return { ok: false, reason, permanent: true }
  if (REFUSED.has(code) || NOT_SENT.test(reason)) return { ok: false, reason }
  return { ok: false, reason, unknown: true }
}
