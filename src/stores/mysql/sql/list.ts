import type { ListQuery } from '../../../core/store.ts'
import { FORGOTTEN } from '../../sql/forgotten.ts'
import type { Names } from './names.ts'
import { COLUMNS } from './record.ts'

const inState = (clock: string) =>
  ({
    any: 'TRUE',
    idle: 'o.state = 0',
    running: 'o.state = 1',
    done: 'o.state = 2',
    abandoned: `o.state = 1 AND o.lease_until <= ${clock}`,
    unknown: 'o.result_kind = 3',
  }) as const

export type ListedState = 'any' | NonNullable<ListQuery['state']>

/** Sorted by id, after the first parameter; `scoped`: of the scope in the second one. */
export function listSql({ operations, clock }: Names, state: ListedState, scoped: boolean, limit: number): string {
  return `
SELECT CAST(${clock} AS CHAR) AS now, ${COLUMNS} FROM ${operations} o
WHERE o.id > UNHEX(?) AND o.format <> ${FORGOTTEN} AND (o.retain_until > ${clock} OR o.lease_until > ${clock})
  AND ${inState(clock)[state]} ${scoped ? 'AND o.scope = FROM_BASE64(?)' : ''}
ORDER BY o.id LIMIT ${limit}`
}
