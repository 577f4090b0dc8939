import { FORGOTTEN } from '../../sql/forgotten.ts'
import { viewOf } from '../migrations.ts'
import type { Names, PartitionedNames } from './names.ts'
import { newestSql } from './placing.ts'
import { LARGEST_FENCE } from './record.ts'

export const partitionName = ({ operations }: Names, part: number): string => `${operations}_${part}`

/** Makes the existing table the first partition of a new one, in one transaction. Reads it once, as a check. */
export function partitioningSql(names: PartitionedNames): readonly string[] {
  const { operations, partitions, clock } = names
  const first = partitionName(names, 1)
  const table = (name: string) => operations.replace(/operations$/, name)
  return [
    `ALTER TABLE ${operations} RENAME TO operations_1`,
    `ALTER INDEX ${operations}_pkey RENAME TO operations_1_pkey`,
    `ALTER INDEX ${operations}_sweep RENAME TO operations_1_sweep`,
    // With a constant default the column is added without rewriting rows.
    `ALTER TABLE ${first} ADD COLUMN part integer NOT NULL DEFAULT 1`,
    `ALTER TABLE ${first} ALTER COLUMN part DROP DEFAULT`,
    `CREATE TABLE ${operations} (LIKE ${first} INCLUDING DEFAULTS) PARTITION BY LIST (part)`,
    `CREATE INDEX operations_sweep ON ${operations} (sweep_after)`,
    `ALTER TABLE ${operations} ATTACH PARTITION ${first} FOR VALUES IN (1)`,
    `CREATE TABLE ${partitions} (
  part     integer PRIMARY KEY,
  began_at bigint NOT NULL
)`,
    `INSERT INTO ${partitions} (part, began_at) VALUES (1, ${clock})`,
    `CREATE OR REPLACE VIEW ${viewOf(table)}`,
  ]
}

/** Creates a partition that is not in use yet. Neither statement blocks readers or writers of the others. */
export function newPartitionSql(names: PartitionedNames, part: number): readonly string[] {
  const name = partitionName(names, part)
  return [
    `CREATE TABLE ${name} (LIKE ${names.operations}, PRIMARY KEY (id)) WITH (fillfactor = 70)`,
    `ALTER TABLE ${names.operations} ATTACH PARTITION ${name} FOR VALUES IN (${part})`,
  ]
}

/** All partitions, oldest first. `mine`: only the owner of the table can begin and drop them. */
export const partitionsSql = ({ operations, partitions, clock }: PartitionedNames): string => `
WITH clock AS MATERIALIZED (SELECT ${clock} AS now)
SELECT p.part, p.began_at, clock.now, pg_has_role(c.relowner, 'USAGE') AS mine
FROM ${partitions} p CROSS JOIN clock JOIN pg_class c ON c.oid = '${operations}'::regclass
ORDER BY p.part`

/**
 * Rewrites the list: $1 partitions, $2 since when. TRUNCATE takes a lock that waits for every transaction with a claim,
 * and older snapshots then see an empty list.
 */
export const relistSql = ({ partitions }: PartitionedNames): readonly [empty: string, fill: string] => [
  `TRUNCATE ${partitions}`,
  `INSERT INTO ${partitions} (part, began_at) SELECT * FROM unnest($1::text::integer[], $2::text::bigint[])`,
]

/** Whether a record is known to be kept, judged by the index alone. */
export const isKeptSql = (names: PartitionedNames, part: number): string => `
WITH clock AS MATERIALIZED (SELECT ${names.clock} AS now)
SELECT EXISTS (SELECT FROM ${partitionName(names, part)} WHERE sweep_after > (SELECT now FROM clock)) AS kept`

/** The number of records of a partition, the end of the longest retention, and the largest undamaged fence. */
export const surveySql = (names: PartitionedNames, part: number): string => `
SELECT count(*) FILTER (WHERE format <> ${FORGOTTEN}) AS number, coalesce(max(greatest(retain_until, lease_until)), 0) AS kept_until,
  max(fence) FILTER (WHERE fence < ${LARGEST_FENCE}) AS fence
FROM ${partitionName(names, part)}`

/** All partitions that are listed, attached, or both; and whether each has a unique index on the id. */
export const driftSql = ({ operations, partitions }: PartitionedNames): string => `
SELECT p.part, a.name, EXISTS (
  SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
  WHERE i.indrelid = a.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND k.attname = 'id'
) AS is_unique
FROM ${partitions} p FULL JOIN (
  SELECT c.oid, c.relname AS name FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
  WHERE h.inhparent = '${operations}'::regclass
) a ON a.name = 'operations_' || p.part
ORDER BY p.part, a.name`

/** Moves at most $1 of the retained records to the newest partition. */
export const moveKeptSql = (names: PartitionedNames, part: number): string => `
WITH clock AS MATERIALIZED (SELECT ${names.clock} AS now),
kept AS MATERIALIZED (
  SELECT k.id FROM ${partitionName(names, part)} k, clock
  WHERE k.retain_until > now OR k.lease_until > now LIMIT $1::text::bigint FOR UPDATE OF k SKIP LOCKED
)
UPDATE ${names.operations} o SET part = newest.part FROM kept CROSS JOIN ${newestSql(names.partitions)} newest
WHERE o.id = kept.id AND o.part = ${part} AND newest.part <> ${part}`
