import { FORGOTTEN, FORGOTTEN_FOR_MICROS } from '../../sql/forgotten.ts'
import { FEW, type Names } from './names.ts'
import { newestSql } from './placing.ts'
import { gone, LARGEST_FENCE, notified } from './record.ts'

/**
 * Empties records in any state; id and fence stay for a while, see `FORGOTTEN`. A damaged fence must not prevent it, and
 * is not kept. Rows are locked in the order of their ids, so that two batches never deadlock.
 */
export function forgetSql({ operations, clock, waiters, channel }: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[]) WITH ORDINALITY AS a (id, n) WHERE ${FEW}
), doomed AS MATERIALIZED (
  SELECT o.id FROM (SELECT * FROM asked ORDER BY id) a
  CROSS JOIN LATERAL (SELECT o.id FROM ${operations} o WHERE o.id = a.id FOR UPDATE) o
)
UPDATE ${operations} o SET format = ${FORGOTTEN}, fence = CASE WHEN o.fence BETWEEN 0 AND ${LARGEST_FENCE} - 1 THEN o.fence ELSE 0 END,
  state = 0, lease_until = 0, retain_until = 0, sweep_after = ${clock} + ${FORGOTTEN_FOR_MICROS}, created_at = 0, attempt = 0,
  starts = 0, step_count = 0, steps = NULL, scope = NULL, key = NULL, fingerprint = '', owner = '', result_kind = NULL,
  result_body = NULL
FROM doomed d WHERE o.id = d.id AND o.format <> ${FORGOTTEN}
RETURNING o.id, ${notified(channel, waiters, 'o.id')} AS woken`
}

/**
 * Removes at most $1 records past their retention, found by the index on `sweep_after`, and raises the fence floor in
 * the same statement; a damaged fence does not become the floor for all. A row that is locked is left for the next
 * sweep, so that a sweep never waits, and holds others up only while it deletes. With partitions only the newest one is
 * swept like this: the others are dropped as a whole.
 */
export function sweepSql({ operations, floor, partitions, clock, waiters, channel }: Names): string {
  return `
WITH clock AS MATERIALIZED (SELECT ${clock} AS now),
doomed AS MATERIALIZED (
  SELECT o.id FROM ${operations} o
  WHERE o.sweep_after <= (SELECT now FROM clock) AND ${gone('o', '(SELECT now FROM clock)')}${partitions === undefined ? '' : ` AND o.part = ${newestSql(partitions)}`}
  ORDER BY o.sweep_after LIMIT $1::text::bigint FOR UPDATE SKIP LOCKED
), removed AS (
  DELETE FROM ${operations} o USING doomed d WHERE o.id = d.id RETURNING o.id, o.format, o.fence
), raised AS (
  UPDATE ${floor} f SET fence = m.fence
  FROM (SELECT max(fence) AS fence FROM removed WHERE fence < ${LARGEST_FENCE}) m WHERE f.fence < m.fence
)
SELECT r.id, r.format, ${notified(channel, waiters, 'r.id')} AS woken FROM removed r`
}

/**
 * Returns how many records are past their retention by more than `graceMicros`, and how long the oldest has been.
 * Forgotten ones are not counted: they are not overdue, a sweep removes them later.
 */
export function overdueSql({ operations, clock }: Names, graceMicros: number): string {
  return `
WITH clock AS MATERIALIZED (SELECT ${clock}${graceMicros === 0 ? '' : ` - ${graceMicros}`} AS now)
SELECT clock.now, count(o.id) AS number, clock.now - min(o.retain_until) AS oldest
FROM clock LEFT JOIN ${operations} o ON o.sweep_after <= clock.now AND ${gone('o', 'clock.now')} AND o.format <> ${FORGOTTEN}
GROUP BY clock.now`
}
