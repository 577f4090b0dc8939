import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { type Decision, decideClaim } from '../../core/lifecycle.ts'
import type { OperationRecord } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { refusedOutcome } from '../sql/claims.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { count, type Row, STATES, time, toRecord } from '../sql/rows.ts'
import type { Sender } from './asking.ts'
import type { Floors } from './floors.ts'
import { batched, type Field, micros, optionalText, readable, textField } from './packing.ts'
import type { Statements } from './statements.ts'

/** How often rows that changed meanwhile are read again. Each time another caller made progress, so this is rare. */
const MAX_RACES = 20

/**
 * Claims a batch, sorted by id. MySQL returns no rows for a write, so new records are inserted first, in one round
 * trip; only if that did not grant all of them are the records read, judged by the lifecycle, and taken over if they
 * are still as they were read.
 */
export async function claimBatch(
  send: Sender,
  statements: Statements,
  floors: Floors,
  requests: readonly ClaimRequest[],
): Promise<readonly ClaimOutcome[]> {
  const outcomes = new Map<string, ClaimOutcome>()
  if (floors.fresh) await insert(send, statements, floors, requests, outcomes)
  let left = requests.filter(({ id }) => !outcomes.has(id))
  for (let races = 0; left.length > 0; races++) {
    if (races === MAX_RACES) throw new Error(`${left.length} operations changed each time they were claimed`)
    const fresh: ClaimRequest[] = []
    const free: TakeOver[] = []
    for (const row of await look(send, statements, floors, left)) {
      const request = left[Number(row.n) - 1] as ClaimRequest
      if (row.id === null) fresh.push(request)
      else {
        const judged = judge(row, request, floors.floor)
        if (judged.write === undefined) outcomes.set(request.id, judged.outcome)
        else free.push({ row, write: judged.write, outcome: judged.outcome })
      }
    }
    await insert(send, statements, floors, fresh, outcomes)
    if (free.length > 0 && (await takeOver(send, statements, free)) === free.length) {
      for (const { write, outcome } of free) outcomes.set(write.id, outcome)
    }
    left = left.filter(({ id }) => !outcomes.has(id))
  }
  return requests.map(({ id }) => outcomes.get(id) as ClaimOutcome)
}

/** Grants all, or leaves open which were granted: a repeated claim is then recognised by its owner. */
async function insert(
  send: Sender,
  statements: Statements,
  floors: Floors,
  requests: readonly ClaimRequest[],
  outcomes: Map<string, ClaimOutcome>,
): Promise<void> {
  if (requests.length === 0) return
  const rows = requests.map(({ id, scope, key, fingerprint, owner, leaseMs, retentionMs }) => {
    const texts = [optionalText(scope), optionalText(key), textField(fingerprint), textField(owner)]
    return [id, ...texts, micros(leaseMs), micros(retentionMs), floors.floor + 1]
  })
  const header = await send.write(...batched(statements.insert, rows))
  const fence = Number(header.insertId)
  if (header.affectedRows !== requests.length || (header.warningStatus ?? 0) > 0 || !(fence > 0)) return
  for (const { id, owner } of requests) {
    outcomes.set(id, { kind: 'granted', lease: { id, owner, fence }, attempt: 1, starts: 1, steps: [] })
  }
}

/** Reads a row for each id, numbered from 1, and the fence floor. */
export async function look(
  send: Sender,
  { look }: Statements,
  floors: Floors,
  asked: readonly { readonly id: string }[],
): Promise<readonly Row[]> {
  const rows = await send.rows(
    ...batched(
      look,
      asked.map(({ id }) => [id]),
    ),
  )
  if (rows[0] !== undefined) floors.read(Number(rows[0].floor))
  return rows.map(readable)
}

/** Returns what the lifecycle decides on a row. @throws OnlyonceError OUTCOME_UNKNOWN when it cannot be read */
export function judge(row: Row, request: ClaimRequest, floor: number): Decision<ClaimOutcome> {
  const now = time(row, 'now')
  if (isForgotten(row)) return decideClaim(undefined, request, now, Math.max(floor, count(row, 'fence')))
  const refused = refusedOutcome(row, request)
  if (refused !== undefined) return { outcome: refused }
  return decideClaim(toRecord(row), request, now, floor)
}

export interface TakeOver {
  /** The row as it was read. */
  readonly row: Row
  readonly write: OperationRecord
  readonly outcome: ClaimOutcome
}

/** Takes over records that are still as they were read. Returns how many were. */
export async function takeOver(
  { write }: Pick<Sender, 'write'>,
  statements: Statements,
  free: readonly TakeOver[],
): Promise<number> {
  const header = await write(...batched(statements.takeOver, free.map(takeOverFields)))
  return header.affectedRows
}

function takeOverFields({ row, write }: TakeOver): readonly Field[] {
  if (!Number.isSafeInteger(write.fence)) {
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `operation ${quote(write.id)} has the largest fence there is, so its record was altered: look at its row, or forget it`,
    )
  }
  const { id, scope, key, fingerprint, owner, state, fence, attempt, starts, leaseUntil, retainUntil, createdAt } =
    write
  // As text: the server parses numbers that JavaScript cannot hold exactly, such as FOREVER.
  const seen = ['format', 'fence', 'state', 'lease_until', 'retain_until'].map((column) => String(row[column]))
  const texts = [optionalText(scope), optionalText(key), textField(fingerprint), textField(owner)]
  const times = [micros(leaseUntil), micros(retainUntil), micros(retainUntil), micros(createdAt)]
  const fresh = write.starts === 1 ? 1 : 0
  return [id, ...seen, ...texts, STATES.indexOf(state), fence, attempt, starts, ...times, fresh]
}
