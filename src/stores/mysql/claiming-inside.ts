import type { OperationId } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { unpackText } from '../../core/stored-text.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { type Row, time, toRecord } from '../sql/rows.ts'
import { judge, type TakeOver, takeOver } from './claiming.ts'
import type { Floors } from './floors.ts'
import { batched, micros, optionalText, readable, textField } from './packing.ts'
import type { Session } from './session.ts'
import type { Statements } from './statements.ts'

/**
 * Claims a batch, sorted by id, inside an open transaction. New records are inserted in one round trip; only if that
 * did not grant all are the records read, judged by the lifecycle, and taken over. The insert leaves shared locks on
 * existing records, so two rivals that take over the same one deadlock; a batch rarely takes over, and restarts after
 * a deadlock.
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
  // A retry would find our own row of an operation left out, and report it as done although its effect has not run.
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

/** All asked-for records exist and are locked: the insert has either written them or found them. */
function leftOut(found: number, asked: number): Error {
  return new Error(
    `the server answered with ${found} of ${asked} records that it has: the connection may not have a sql_select_limit`,
  )
}

/** Whether this claim wrote the row: an insert gives all rows one fence, larger than any earlier one of this owner. */
export function isOurs(row: Row, { owner }: Pick<ClaimRequest, 'owner'>, fence: number): boolean {
  if (isForgotten(row)) return false
  return typeof row.owner === 'string' && unpackText(row.owner) === owner && Number(row.fence) === fence
}

/** As `judge`, but a granted claim is written as done, and a lease that the owner already has keeps its fence. */
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
