import type { Names } from './names.ts'

/**
 * The partition that takes new records. The list is emptied and written again by whoever changes it, which is seen at once by
 * everybody, while what is written then is seen only by a later snapshot. So a statement whose snapshot is older than the
 * newest partition finds none here, places nothing, and has to be asked again; one that finds it sees everything that was placed
 * in the others, because whoever placed it held this list until the end of its transaction. See decision 14.
 */
export const newestSql = (partitions: string): string => `(SELECT part FROM ${partitions} ORDER BY part DESC LIMIT 1)`

/** What an insert of operations that nobody knows has beside itself where records are in partitions. Nothing, where they are not. */
export interface Placing {
  readonly column: string
  readonly value: string
  /** Behind the rows to insert: only those whose id is in no partition. */
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
    // Each partition has a unique index on the id; the whole cannot have one.
    conflict: '',
  }
}

const TOLD = 'o.id, o.fence, o.attempt, o.starts, o.steps'

/** A claim's write, of new operations and of those that it takes over; `excluded` is what was wanted. */
export interface Granting {
  readonly columns: string
  /** A query for one row of `columns` for each operation. */
  readonly wanted: string
  readonly set: string
  readonly where: string
}

/**
 * The parts of a WITH that end in `granted`. In partitions a record that is taken over moves to the newest one, so that an old
 * one comes to its end. Whoever else meant to write it is told by a serialization failure, and asks again.
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
