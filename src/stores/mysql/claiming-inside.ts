import type { OperationId } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { unpackText } from '../../embedded/text.ts'
import { type Row, time, toRecord } from '../sql/rows.ts'
import { judge, type TakeOver, takeOver } from './claiming.ts'
import type { Floors } from './floors.ts'
import { batched, micros, optionalText, readable, textField } from './packing.ts'
import type { Session } from './session.ts'
import { FORGOTTEN } from './sql/record.ts'
import type { Statements } from './statements.ts'

/**
 * Claims a batch, which is sorted by id, inside an open transaction. What is new is inserted, in one round trip; only where
 * that did not do for all of them are the records read, judged by the lifecycle itself, and taken over. The shared
 * locks that the insert leaves on the others make a deadlock of two rivals who go on to take the same one over; a batch
 * hardly ever takes anything over, and begins once more.
 */
export async function claimAllInside(
  session: Session,
  statements: Statements,
  floors: Floors,
  requests: readonly ClaimRequest[],
): Promise<ReadonlyMap<OperationId, ClaimOutcome>> {
  const outcomes = new Map<OperationId, ClaimOutcome>()
  const grant = ({ id, owner }: ClaimRequest, fence: number) =>
    outcomes.set(id, { kind: 'granted', lease: { id, owner, fence }, attempt: 1, starts: 1, steps: [] })
  const rows = requests.map((one) => doneFields(one, floors.floor))
  const header = await session.write(...batched(statements.insertDone, rows))
  const fence = Number(header.insertId)
  if (header.affectedRows === requests.length && (header.warningStatus ?? 0) === 0 && fence > 0) {
    for (const request of requests) grant(request, fence)
    return outcomes
  }
  const asked = requests.map(({ id }) => [id])
  const found = await session.rows(...batched(statements.newest, asked))
  // Inserted once more, what was left out would be taken for another's, and would count as done without its effect.
  if (found.length !== requests.length) throw leftOut(found.length, requests.length)
  const free: TakeOver[] = []
  for (const row of found.map(readable)) {
    const request = requests[Number(row.n) - 1] as ClaimRequest
    if (isOurs(row, request, fence)) grant(request, fence)
    else {
      const { outcome, write } = judgeInside(row, request, floors.floor)
      if (write === undefined) outcomes.set(request.id, outcome)
      else free.push({ row, write, outcome })
    }
  }
  if (free.length > 0 && (await takeOver(session, statements, free)) !== free.length)
    throw new Error(`one of ${free.length} operations changed under its own lock`)
  for (const { write, outcome } of free) outcomes.set(write.id, outcome)
  return outcomes
}

/** Each of them is there: written a moment ago, or in the way of that, and locked. */
function leftOut(found: number, asked: number): Error {
  return new Error(
    `the server answered with ${found} of ${asked} records that it has: the connection may not have a sql_select_limit`,
  )
}

/** Written under this claim: an insert gives all its rows one fence, larger than any that their owner was given before. */
export function isOurs(row: Row, { owner }: Pick<ClaimRequest, 'owner'>, fence: number): boolean {
  if (Number(row.format) === FORGOTTEN) return false
  return typeof row.owner === 'string' && unpackText(row.owner) === owner && Number(row.fence) === fence
}

/** As outside of a transaction, but what is granted is done at once, and a lease that the owner has already stays as it is. */
export function judgeInside(
  row: Row,
  request: ClaimRequest,
  floor: number,
): Omit<TakeOver, 'row' | 'write'> & Partial<Pick<TakeOver, 'write'>> {
  const { outcome, write } = judge(row, request, floor)
  if (outcome.kind !== 'granted') return { outcome }
  const now = time(row, 'now')
  const record = write ?? toRecord(row)
  return { outcome, write: { ...record, state: 'done', leaseUntil: now, retainUntil: now + request.retentionMs } }
}

/** The fields of `claimDone` and `insertDone`. */
export function doneFields(request: ClaimRequest, floor: number): readonly (string | number)[] {
  const { id, fingerprint, owner, retentionMs, scope, key } = request
  const texts = [optionalText(scope), optionalText(key), textField(fingerprint), textField(owner)]
  return [id, ...texts, micros(retentionMs), floor + 1]
}
