import { OnlyonceError } from '../../core/errors.ts'
import { operationId } from '../../core/key.ts'
import { FOREVER } from '../../core/lifecycle.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import { unpackText } from '../../embedded/text.ts'
import { type Row, time, toId, toObserved } from './rows.ts'

/**
 * One record that cannot be read must not hide those beside it: it is listed as what waits for a person, whatever was
 * asked for, and whoever asks for that operation is told why. Nothing of it is handed on but the names that lead to its id.
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

/** A row of a server's, as it is listed. */
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
