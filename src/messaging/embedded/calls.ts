import { invalidOption, positive, refuseUnknown } from '../../core/option-rules.ts'

// Checked before a call joins the commit of others: what fails in there makes all of them be sent again, one by one.
// SQLite would also store `now + '5000'` as it is, a time that never comes.

/** @throws OnlyonceError OPTION_INVALID */
export function checkReceipt(receipt: unknown): void {
  if (typeof receipt !== 'string')
    throw invalidOption('receipt', 'is required: the `receipt` of a message that was received', receipt)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkMs(name: string, ms: unknown): void {
  if (!Number.isFinite(ms) || (ms as number) < 0) throw invalidOption(name, 'is required: milliseconds, 0 or more', ms)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkReason(reason: unknown, labels: unknown): void {
  if (typeof reason !== 'string') throw invalidOption('reason', 'is required: why the message is put aside', reason)
  if (typeof labels !== 'object' || Object.values(Object(labels)).some((one) => typeof one !== 'string'))
    throw invalidOption('labels', 'must be texts by the names of headers', labels)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkPositions(positions: unknown): void {
  if (Array.isArray(positions) && positions.every((one) => Number.isSafeInteger(one))) return
  throw invalidOption('positions', 'must be a list of what `deadLetters` answered as `position`', positions)
}

/**
 * Which dead letters to return. `limit`: default 100. `after`: the last position seen; default 0, from the beginning.
 */
export interface DeadLetterPage {
  readonly limit?: number
  readonly after?: number
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkedPage(page: DeadLetterPage | undefined): Required<DeadLetterPage> {
  refuseUnknown(page, ['limit', 'after'])
  const { limit = 100, after = 0 } = Object(page) as DeadLetterPage
  if (positive(limit) !== undefined) throw invalidOption('limit', 'must be a positive integer', limit)
  if (!Number.isSafeInteger(after)) throw invalidOption('after', 'must be the last `position` that was seen', after)
  return { limit, after }
}
