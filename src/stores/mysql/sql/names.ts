/** What the statements are made with: checked identifiers, never a value. */
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
 * UTC, because local time comes twice when summer ends. It is the time at which the statement began, and stays that while the
 * statement waits for a row: an older time can only refuse, and shortens a lease that is granted, but never takes one
 * over early. SYSDATE would be the time of each row, but there is none in UTC.
 */
export const SERVER_CLOCK = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"

/** `database` was checked to need no more than quotes. */
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
