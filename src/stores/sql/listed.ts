import { OnlyonceError } from '../../core/errors.ts'
import { operationId } from '../../core/key.ts'
import { FOREVER } from '../../core/lifecycle.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import { unpackText } from '../../core/stored-text.ts'
import { type Row, time, toId, toObserved } from './rows.ts'

/**
 * Reads a record for a list. One that cannot be read must not hide the others: it is listed with an unknown result,
 * whatever state was asked for; `find` tells why. Only its id is kept, and scope and key if they lead to that id.
 */
export function listed(id: OperationId, row: Row, readAt: number, read: () => ObservedRecord): ObservedRecord {
  try {
    return read()
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return {
      id,
      ...namesOf(id, row),
      fingerprint: '',
      state: 'done',
      owner: '',
      fence: 0,
      attempt: 0,
      starts: 0,
      leaseUntil: readAt,
      retainUntil: FOREVER,
      createdAt: readAt,
      steps: [],
      result: { kind: 'unknown', body: new Uint8Array() },
      readAt,
    }
  }
}

/** As `listed`, for a row of a database server. */
export function listedRow(row: Row): ObservedRecord {
  return listed(toId(row.id), row, time(row, 'now'), () => toObserved(row))
}

function namesOf(id: OperationId, { scope, key }: Row): Pick<ObservedRecord, 'scope' | 'key'> {
  if (typeof scope !== 'string' || typeof key !== 'string') return {}
  try {
    const names = { scope: unpackText(scope), key: unpackText(key) }
    return operationId(names.scope, names.key) === id ? names : {}
  } catch {
    return {}
  }
}
