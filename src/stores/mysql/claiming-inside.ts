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

const MAX_RACES = 20

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
  let left = requests
  for (let races = 0; left.length > 0; races++) {
    if (races === MAX_RACES) throw new Error(`${left.length} operations changed each time they were claimed`)
    const rows = left.map((one) => doneFields(one, floors.floor))
    const header = await session.write(...batched(statements.insertDone, rows))
    const fence = Number(header.insertId)
    if (header.affectedRows === left.length && (header.warningStatus ?? 0) === 0 && fence > 0) {
      for (const request of left) grant(request, fence)
      break
    }
    const free: TakeOver[] = []
    const asked = left.map(({ id }) => [id])
    for (const row of (await session.rows(...batched(statements.newest, asked))).map(readable)) {
      const request = left[Number(row.n) - 1] as ClaimRequest
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
    left = left.filter(({ id }) => !outcomes.has(id))
  }
  return outcomes
}

/** Written a moment ago: the insert gave all its rows one fence, larger than any that this owner was given before. */
function isOurs(row: Row, { owner }: ClaimRequest, fence: number): boolean {
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
