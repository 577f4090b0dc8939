import { FEW, type Names } from './names.ts'
import { newestSql } from './placing.ts'
import { gone, notified } from './record.ts'

/**
 * Deletes the rows of `doomed` and raises the fence floor in the same statement. A damaged fence must neither prevent
 * the removal of its record nor become the floor for all others.
 */
function removal({ operations, floor, waiters, channel }: Names): string {
  return `removed AS (
  DELETE FROM ${operations} o USING doomed d WHERE o.id = d.id RETURNING o.id, o.fence
), raised AS (
  UPDATE ${floor} f SET fence = m.fence
  FROM (SELECT max(fence) AS fence FROM removed WHERE fence < 9007199254740991) m WHERE f.fence < m.fence
)
SELECT r.id, ${notified(channel, waiters, 'r.id')} AS woken FROM removed r`
}

export function forgetSql(names: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[]) WITH ORDINALITY AS a (id, n) WHERE ${FEW}
), doomed AS MATERIALIZED (
  SELECT o.id FROM (SELECT * FROM asked ORDER BY id) a
  CROSS JOIN LATERAL (SELECT o.id FROM ${names.operations} o WHERE o.id = a.id FOR UPDATE) o
), ${removal(names)}`
}

/**
 * Removes at most $1 records past their retention, found by the index on `sweep_after`. A row that is locked is left
 * for the next sweep, so that a sweep never waits, and holds others up only while it deletes. With partitions only the
 * newest one is swept like this: the others are dropped as a whole.
 */
export function sweepSql(names: Names): string {
  const { partitions } = names
  return `
WITH clock AS MATERIALIZED (SELECT ${names.clock} AS now),
doomed AS MATERIALIZED (
  SELECT o.id FROM ${names.operations} o
  WHERE o.sweep_after <= (SELECT now FROM clock) AND ${gone('o', '(SELECT now FROM clock)')}${partitions === undefined ? '' : ` AND o.part = ${newestSql(partitions)}`}
  ORDER BY o.sweep_after LIMIT $1::text::bigint FOR UPDATE SKIP LOCKED
), ${removal(names)}`
}

/** Returns how many records are past their retention by more than `graceMicros`, and how long the oldest has been. */
export function overdueSql({ operations, clock }: Names, graceMicros: number): string {
  return `
WITH clock AS MATERIALIZED (SELECT ${clock}${graceMicros === 0 ? '' : ` - ${graceMicros}`} AS now)
SELECT clock.now, count(o.id) AS number, clock.now - min(o.retain_until) AS oldest
FROM clock LEFT JOIN ${operations} o ON o.sweep_after <= clock.now AND ${gone('o', 'clock.now')}
GROUP BY clock.now`
}
