import { OnlyonceError } from './errors.ts'
import type { OperationKey } from './key.ts'
import { isAbandoned } from './lifecycle.ts'
import type { OperationView } from './once.ts'
import type { ObservedRecord } from './record.ts'
import { readResult } from './result.ts'

/** Converts a record for `find`. @throws OnlyonceError OUTCOME_UNKNOWN if it is unreadable or of another operation */
export function viewOf(record: ObservedRecord, named: Pick<OperationKey, 'scope' | 'key'>): OperationView {
  const stranger =
    (record.scope !== undefined && record.scope !== named.scope) ||
    (record.key !== undefined && record.key !== named.key)
  if (stranger) {
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `the record ${record.id} belongs to another operation than the one asked for`,
    )
  }
  const read = record.result === undefined ? undefined : readResult(named.key, record.result)
  return {
    scope: named.scope,
    key: named.key,
    state:
      record.result?.kind === 'unknown' ? 'unknown' : isAbandoned(record, record.readAt) ? 'abandoned' : record.state,
    attempt: record.attempt,
    starts: record.starts,
    fence: record.fence,
    createdAt: new Date(record.createdAt),
    retainUntil: new Date(record.retainUntil),
    ...(read === undefined
      ? {}
      : { result: 'error' in read ? { kind: 'error', ...read } : { kind: 'value', ...read } }),
  }
}
