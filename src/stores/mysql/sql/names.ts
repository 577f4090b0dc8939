/** What statements are built with: checked identifiers, never a value. */
export interface Names {
  readonly operations: string
  readonly floor: string
  readonly outbox: string
  readonly relay: string
  readonly migrations: string
  readonly view: string
  /** The store's clock: an expression for whole microseconds since 1970. */
  readonly clock: string
}

/**
 * UTC, because local time repeats an hour when summer time ends. It is the time at which the statement began, also
 * after it waited for a row: an older time may refuse a claim or shorten a lease, but never takes one over early.
 * SYSDATE would be the time of each row, but has no UTC form.
 */
export const SERVER_CLOCK = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"

/** `database` must be checked: it is quoted, not escaped. */
export function namesIn(database: string, clock: string = SERVER_CLOCK): Names {
  const table = (name: string) => `\`${database}\`.onlyonce_${name}`
  return {
    operations: table('operations'),
    floor: table('fence_floor'),
    outbox: table('outbox'),
    relay: table('relay'),
    migrations: table('migrations'),
    view: table('v_operations'),
    clock,
  }
}
