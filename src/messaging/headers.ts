/** The message's own id, where the broker has no place for one. */
export const ID_HEADER = 'onlyonce-id'
/** Messages with the same value are handled one after the other. */
export const ORDERING_KEY_HEADER = 'onlyonce-ordering-key'
/** Why a message was put aside, or sent round once more. */
export const REASON_HEADER = 'onlyonce-reason'
/** How often a message was sent round. A new copy is not "redelivered" to the broker. */
export const RETRIES_HEADER = 'onlyonce-retries'
