import type { Names } from './names.ts'

/**
 * The partition that takes new records. A change of the list empties and refills it: all snapshots see it emptied at
 * once, but only later ones see the new rows. So a statement whose snapshot is older than the newest partition finds
 * none here, inserts nothing, and has to be retried. A statement that finds it also sees every record placed in the
 * others, because each claim locks the list until its transaction ends. See decision 14.
 */
export const newestSql = (partitions: string): string => `(SELECT part FROM ${partitions} ORDER BY part DESC LIMIT 1)`

/** The clauses that an insert of new operations needs when records are in partitions; empty otherwise. */
export interface Placing {
  readonly column: string
  readonly value: string
  /** Follows the rows to insert: keeps only those whose id is in no partition. */
  unknown(id: string): string
  readonly conflict: string
}

export function placing({ operations, partitions }: Names): Placing {
  if (partitions === undefined) return { column: '', value: '', unknown: () => '', conflict: '(id)' }
  return {
    column: ', part',
    value: ', newest.part',
    unknown: (id) => `
    JOIN ${newestSql(partitions)} newest ON NOT EXISTS (SELECT FROM ${operations} known WHERE known.id = ${id} OFFSET 0)`,
    // Each partition has a unique index on the id; the partitioned table cannot have one.
    conflict: '',
  }
}

const TOLD = 'o.id, o.fence, o.attempt, o.starts, o.steps'

/** The write of a claim, for new operations and those it takes over; `excluded` is the wanted row. */
export interface Granting {
  readonly columns: string
  /** A query that returns one row of `columns` per operation. */
  readonly wanted: string
  readonly set: string
  readonly where: string
}

/**
 * The parts of a WITH that end in `granted`. With partitions a record that is taken over moves to the newest one, so
 * that old partitions become empty. A concurrent writer of that record gets a serialization failure, and retries.
 */
export function grantingSql(names: Names, { columns, wanted, set, where }: Granting): string {
  const { operations, partitions } = names
  if (partitions === undefined) {
    return `granted AS (
  INSERT INTO ${operations} AS o (${columns})
  ${wanted}
  ON CONFLICT (id) DO UPDATE SET ${set}
  WHERE ${where}
  RETURNING ${TOLD}
)`
  }
  return `wanted (${columns}) AS MATERIALIZED (
  ${wanted}
), inserted AS (
  INSERT INTO ${operations} AS o (${columns}, part)
  SELECT wanted.*, newest.part FROM wanted${placing(names).unknown('wanted.id')}
  ON CONFLICT DO NOTHING
  RETURNING ${TOLD}
), moved AS (
  UPDATE ${operations} o SET part = newest.part, ${set}
  FROM wanted excluded CROSS JOIN ${newestSql(partitions)} newest
  WHERE o.id = excluded.id AND ${where}
  RETURNING ${TOLD}
), granted AS (SELECT * FROM inserted UNION ALL SELECT * FROM moved)`
}
