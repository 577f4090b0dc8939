import type { ListQuery } from '../../../core/store.ts'
import { FORGOTTEN } from '../../sql/forgotten.ts'
import { FEW, type Names } from './names.ts'
import { columnsOf } from './record.ts'

/** Reads any number of ids in one snapshot. The reader judges whether a record is past its retention. */
export function findSql({ operations, clock }: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[]) WITH ORDINALITY AS a (id, n) WHERE ${FEW}
), clock AS MATERIALIZED (SELECT ${clock} AS now)
SELECT clock.now, o.* FROM clock, asked a
CROSS JOIN LATERAL (SELECT ${columnsOf('o')} FROM ${operations} o WHERE o.id = a.id AND o.format <> ${FORGOTTEN} OFFSET 0) o`
}

const IN_STATE = {
  any: 'true',
  idle: 'o.state = 0',
  running: 'o.state = 1',
  done: 'o.state = 2',
  abandoned: 'o.state = 1 AND o.lease_until <= clock.now',
  // Found by an index: nothing else is kept for ever.
  unknown: 'o.result_kind = 3 AND o.sweep_after = 8640000000000000000',
} as const

export type ListedState = 'any' | NonNullable<ListQuery['state']>

/** In the order of ids: after $1, at most $2, in scope $3. */
export function listSql({ operations, clock }: Names, state: ListedState, scoped: boolean): string {
  return `
WITH clock AS MATERIALIZED (SELECT ${clock} AS now)
SELECT clock.now, ${columnsOf('o')} FROM clock, ${operations} o
WHERE ($1::text IS NULL OR o.id > $1::text::uuid) AND (o.retain_until > clock.now OR o.lease_until > clock.now)
  AND ${IN_STATE[state]} ${scoped ? 'AND o.scope = $3::text' : ''}
ORDER BY o.id LIMIT $2::text::bigint`
}
