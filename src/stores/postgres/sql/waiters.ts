import { FEW, type Names } from './names.ts'

/**
 * Registers this process as a waiter for some operations, and returns those that need no waiting any more. The table is
 * unlogged: a waiter whose row is lost polls. $2 the process, $3 for how long.
 */
export const registerSql = ({ waiters, operations, clock }: Names): string => `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[]) WITH ORDINALITY AS a (id, n) WHERE ${FEW}
), registered AS (
  INSERT INTO ${waiters} AS w (id, waiter, until) SELECT id, $2::text, ${clock} + $3::text::bigint FROM asked ORDER BY id
  ON CONFLICT (id, waiter) DO UPDATE SET until = excluded.until
)
SELECT a.id FROM asked a LEFT JOIN LATERAL (
  SELECT state FROM ${operations} o WHERE o.id = a.id OFFSET 0
) o ON true WHERE o.state IS DISTINCT FROM 1`

/** Also deletes the rows that processes left behind when they ended. */
export const unregisterSql = ({ waiters, clock }: Names): string => `
DELETE FROM ${waiters} WHERE (waiter = $2::text AND id = ANY ($1::text::uuid[])) OR until < ${clock}`
