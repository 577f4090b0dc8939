import { FORGOTTEN, FORGOTTEN_FOR_MICROS } from '../../sql/forgotten.ts'
import { type Batched, found, ID, updating } from './asked.ts'
import type { Names } from './names.ts'
import { gone, LARGEST_FENCE } from './record.ts'

/**
 * Empties records in any state; id and fence stay for a while, see `FORGOTTEN`. A damaged fence is not kept.
 */
export function forgetSql({ operations, clock }: Names): Batched {
  return updating(
    { id: ID },
    operations,
    `o.fence = IF(o.fence BETWEEN 0 AND ${LARGEST_FENCE} - 1, o.fence, 0), o.state = 0, o.lease_until = 0, o.retain_until = 0,
  o.sweep_after = ${clock} + ${FORGOTTEN_FOR_MICROS}, o.created_at = 0, o.attempt = 0, o.starts = 0, o.step_count = 0,
  o.steps = NULL, o.scope = NULL, o.operation_key = NULL, o.fingerprint = '', o.owner = '', o.result_kind = NULL,
  o.result_body = NULL, o.format = ${FORGOTTEN}`,
    `o.format <> ${FORGOTTEN}`,
  )
}

/** Locks records whose retention is over, by the index of `sweep_after`. Records locked by others are skipped. */
export function doomedSql({ operations, clock }: Names, limit: number): string {
  return `
SELECT LOWER(HEX(o.id)) AS id, CAST(o.fence AS CHAR) AS fence, o.format FROM ${operations} o FORCE INDEX (onlyonce_sweep)
WHERE o.sweep_after <= ${clock} AND ${gone(clock)} ORDER BY o.sweep_after LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

export function deleteSql({ operations }: Names): string {
  return `DELETE o FROM ${found({ id: ID }, operations)}`
}

export function raiseFloorSql({ floor }: Names): string {
  return `UPDATE ${floor} SET fence = GREATEST(fence, CAST(? AS SIGNED)) WHERE one = 1`
}

export const readFloorSql = ({ floor }: Names): string =>
  `SELECT CAST(fence AS CHAR) AS fence FROM ${floor} WHERE one = 1`

/** Forgotten records are not counted: they are not overdue, a sweep removes them later. */
export function overdueSql({ operations, clock }: Names): string {
  return `
SELECT COUNT(*) AS count, CAST(COALESCE(MAX(${clock} - GREATEST(o.retain_until, o.lease_until)), 0) AS CHAR) AS oldest
FROM ${operations} o FORCE INDEX (onlyonce_sweep)
WHERE o.sweep_after <= ${clock} AND ${gone(clock)} AND o.format <> ${FORGOTTEN}`
}
