/** The message's own id, where the broker has no place for one. */
export const ID_HEADER = 'onlyonce-id'
/** Messages with the same value are handled one after the other. */
export const ORDERING_KEY_HEADER = 'onlyonce-ordering-key'
/** Why a message was put aside, or published again for a retry. */
export const REASON_HEADER = 'onlyonce-reason'
/** How often a message was published again for a retry. The broker does not mark such a copy as redelivered. */
export const RETRIES_HEADER = 'onlyonce-retries'
/** The `name` of the consumer that put a message aside. */
export const CONSUMER_HEADER = 'onlyonce-consumer'
/** Where a message that was put aside came from: queue or topic, and its place there where the broker has one. */
export const SOURCE_HEADER = 'onlyonce-source'

/** Returns the headers added to a message that is put aside. */
export const labelsOf = (consumer: string, source: string, reason: string) => ({
  [CONSUMER_HEADER]: consumer,
  [SOURCE_HEADER]: source,
  [REASON_HEADER]: reason,
})
