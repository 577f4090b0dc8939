import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { decideClaim } from '../../core/lifecycle.ts'
import type { OperationRecord } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { isForgotten } from './forgotten.ts'
import { count, type Row, time, toId, toRecord } from './rows.ts'
import { unpackSteps } from './steps.ts'

/** The outcome of a claim from the row that its statement has written. */
export function grantedOutcome(row: Row, { owner }: ClaimRequest): ClaimOutcome {
  return {
    kind: 'granted',
    lease: { id: toId(row.id), owner, fence: count(row, 'fence') },
    attempt: count(row, 'attempt'),
    starts: count(row, 'starts'),
    steps: unpackSteps(row.steps),
  }
}

/**
 * Returns the lifecycle's outcome of a claim that the statement did not grant, judged by the row as it was read.
 * `undefined`: the operation is claimable by now, so the claim must be repeated.
 * @throws OnlyonceError OUTCOME_UNKNOWN when the row belongs to another operation than its id says, or cannot be read
 */
export function refusedOutcome(row: Row, request: ClaimRequest): ClaimOutcome | undefined {
  if (isForgotten(row)) return undefined
  const record = toRecord(row)
  requireSameText(record, request)
  const { outcome, write } = decideClaim(record, request, time(row, 'now'))
  return write === undefined ? outcome : undefined
}

/** @throws OnlyonceError OUTCOME_UNKNOWN when the record belongs to another operation than its id says */
export function requireSameText(record: OperationRecord, request: ClaimRequest): void {
  if (agree(record.scope, request.scope) && agree(record.key, request.key)) return
  throw new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `operation ${quote(request.id)} is stored as ${quote(record.key)} in scope ${quote(record.scope)}, and asked for as ` +
      `${quote(request.key)} in scope ${quote(request.scope)}: its record was altered and is not used; look at its row in the table of operations`,
  )
}

function agree(stored: string | undefined, asked: string | undefined): boolean {
  return stored === undefined || asked === undefined || stored === asked
}
