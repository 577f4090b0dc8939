const TOO_LONG: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** Errors about a message, not about Kafka's own state. */
const PERMANENT: ReadonlySet<string> = new Set([
  ...TOO_LONG,
  ...['INVALID_RECORD', 'INVALID_TIMESTAMP', 'INVALID_TOPIC_EXCEPTION', 'CORRUPT_MESSAGE'],
])

/** Whether Kafka will never accept it as it is. */
export const isPermanent = (error: unknown): boolean => isOneOf(PERMANENT, error)

/** Whether it exceeds what its topic accepts in one batch. */
export const isTooLong = (error: unknown): boolean => isOneOf(TOO_LONG, error)

export function isOneOf(types: ReadonlySet<string>, error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (types.has(String((at as { readonly type?: unknown }).type))) return true
  }
  return false
}
