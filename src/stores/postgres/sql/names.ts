/** The names used in statements: checked identifiers, never values. */
export interface Names {
  readonly operations: string
  readonly floor: string
  readonly waiters: string
  readonly outbox: string
  readonly relay: string
  readonly migrations: string
  readonly view: string
  /** When the tables were made: tells this database from another that has a schema of the same name. */
  readonly home: string
  /** The list of partitions; `undefined` where records are in one table. */
  readonly partitions: string | undefined
  /** The store's clock: an expression for whole microseconds since 1970. */
  readonly clock: string
  /** The channel that waiters listen to. */
  readonly channel: string
}

/**
 * `clock_timestamp()`, not `now()`: inside a transaction `now()` stands still at its start, and a lease granted late
 * would be over already. `date_part`, not `extract`: double precision is exact to a microsecond, and costs less than numeric.
 */
export const SERVER_CLOCK = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"

/** `schema` was checked to be a plain identifier. */
export function namesIn(schema: string, clock: string = SERVER_CLOCK, isPartitioned = false): Names {
  const table = (name: string) => `"${schema}".${name}`
  return {
    operations: table('operations'),
    floor: table('fence_floor'),
    waiters: table('waiters'),
    outbox: table('outbox'),
    relay: table('relay'),
    migrations: table('migrations'),
    view: table('v_operations'),
    home: `(SELECT (date_part('epoch', applied_at) * 1000000)::bigint::text FROM ${table('migrations')} WHERE version = 1)`,
    partitions: isPartitioned ? table('partitions') : undefined,
    clock,
    channel: `onlyonce_${schema}`,
  }
}

/** The names of a store that keeps its records in partitions. */
export type PartitionedNames = Names & { readonly partitions: string }

export const isPartitioned = (names: Names): names is PartitionedNames => names.partitions !== undefined

/**
 * Always true. It makes the planner expect few rows and use the index for each of them: a connection keeps a plan made
 * while the table was small after it has grown.
 */
export const FEW = 'n BETWEEN 1 AND 2147483647'
