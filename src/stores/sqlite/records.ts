import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { decideClaim, decideComplete, decideRelease, decideRenew, FOREVER, retained } from '../../core/lifecycle.ts'
import type { Lease, ObservedRecord, OperationId, OperationRecord } from '../../core/record.ts'
import type {
  ClaimOutcome,
  ClaimRequest,
  Completion,
  ListQuery,
  Page,
  Renewal,
  WriteOutcome,
} from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import type { SqliteConnection, SqliteValue } from '../../embedded/driver.ts'
import { change, type Row, rows, statement } from '../../embedded/statements.ts'
import { requireSameText } from '../sql/claims.ts'
import { listed } from '../sql/listed.ts'
import { packSteps } from '../sql/steps.ts'
import type { Fences } from './fences.ts'
import { isInexact, RECORD_FORMAT, toParams, toRecord, unreadable } from './rows.ts'
import {
  CLAIM,
  CLAIM_FRESH,
  COMPLETE,
  COMPLETE_RUNNING,
  FIND,
  FORGET,
  LOAD,
  listSql,
  RELEASE,
  RENEW,
  SWEEP,
} from './sql.ts'

/** Each function is one verb on a connection whose transaction holds the write lock; `now` was read under that lock. */

export function claim(db: SqliteConnection, request: ClaimRequest, now: number, fences: Fences): ClaimOutcome {
  const fresh = decideClaim(undefined, request, now, fences.handed)
  if (fresh.write !== undefined && putFresh(db, fresh.write)) return fresh.outcome
  const { outcome, write } = decideClaim(load(db, request), request, now, fences.floor(db))
  if (write !== undefined) put(db, write)
  return outcome
}

export function renew(db: SqliteConnection, renewal: Renewal, now: number): WriteOutcome {
  const current = loadById(db, renewal.lease.id)
  const { outcome, write } = decideRenew(current, renewal, now)
  if (write === undefined) return outcome
  const steps = write.steps === current?.steps ? null : packSteps(write.steps)
  return written(change(db, RENEW, write.leaseUntil, write.retainUntil, steps, ...leaseParams(renewal.lease)))
}

export function complete(db: SqliteConnection, completion: Completion, now: number): WriteOutcome {
  const { lease, result, retentionMs } = completion
  const retain = result.kind === 'unknown' ? FOREVER : now + retentionMs
  const running = [now, retain, result.kind, result.body, ...leaseParams(lease), RECORD_FORMAT, now, now]
  if (change(db, COMPLETE_RUNNING, ...running) === 1) return 'ok'
  const { outcome, write } = decideComplete(loadById(db, lease.id), completion, now)
  if (write === undefined) return outcome
  const { leaseUntil, retainUntil } = write
  return written(change(db, COMPLETE, leaseUntil, retainUntil, result.kind, result.body, ...leaseParams(lease)))
}

export function release(db: SqliteConnection, lease: Lease, now: number): WriteOutcome {
  const { outcome, write } = decideRelease(loadById(db, lease.id), lease, now)
  if (write === undefined) return outcome
  return written(change(db, RELEASE, write.attempt, write.leaseUntil, ...leaseParams(lease)))
}

/** Returns the ids that had a record. Works on unreadable records too: this is how a person removes one. */
export function forget(db: SqliteConnection, ids: readonly OperationId[], fences: Fences): readonly OperationId[] {
  return removed(
    db,
    ids.flatMap((id) => rows(db, FORGET, id)),
    fences,
  )
}

export function sweep(db: SqliteConnection, limit: number, now: number, fences: Fences): readonly OperationId[] {
  return removed(db, rows(db, SWEEP, now, now, limit), fences)
}

export function find(
  db: SqliteConnection,
  ids: readonly OperationId[],
  now: number,
): readonly (ObservedRecord | undefined)[] {
  const what = ids.length === 1 ? `operation ${quote(ids[0])}` : `one of ${ids.length} operations`
  const found = read(db, FIND, what, JSON.stringify(ids))
  const byId = new Map(found.map((row) => [row.id, row]))
  return ids.map((id) => {
    const row = byId.get(id)
    const record = row === undefined ? undefined : retained(toRecord(row), now)
    return record === undefined ? undefined : { ...record, readAt: now }
  })
}

export function list(db: SqliteConnection, query: ListQuery, now: number): Page<ObservedRecord> {
  const { state = 'any', scope, limit, after = '' } = query
  const found = eachRow(
    db,
    listSql(state, scope !== undefined),
    after,
    now,
    now,
    ...(state === 'abandoned' ? [now] : []),
    ...(scope === undefined ? [] : [packText(scope)]),
    limit + 1,
  )
  const items = found
    .slice(0, limit)
    .map((row) => listed(String(row.id), row, now, () => ({ ...toRecord(row), readAt: now })))
  const last = items.at(-1)
  return found.length > items.length && last !== undefined ? { items, next: last.id } : { items }
}

/** node:sqlite refuses all rows for one inexact number. With bigints all rows are read, and a bad one fails alone. */
function eachRow(db: SqliteConnection, sql: string, ...params: SqliteValue[]): readonly Row[] {
  try {
    return rows(db, sql, ...params)
  } catch (error) {
    if (!isInexact(error)) throw error
    // Another text, so that the cached statement keeps returning numbers.
    const withBigints = `${sql} -- bigints`
    const compiled = statement(db, withBigints) as { setReadBigInts?(enabled: boolean): void }
    compiled.setReadBigInts?.(true)
    return rows(db, withBigints, ...params)
  }
}

/** @throws OnlyonceError OUTCOME_UNKNOWN when the row is of another operation than its id says, or cannot be read */
export function load(db: SqliteConnection, request: ClaimRequest): OperationRecord | undefined {
  const record = loadById(db, request.id)
  if (record !== undefined) requireSameText(record, request)
  return record
}

/** Writes a first claim. Returns false when there is a record, or the fence does not exceed the stored floor. */
export function putFresh(db: SqliteConnection, record: OperationRecord): boolean {
  return change(db, CLAIM_FRESH, ...toParams(record), record.fence) === 1
}

/** Writes the record of a granted claim. An unchanged row means that the lock was not held: the claim must fail. */
export function put(db: SqliteConnection, record: OperationRecord): void {
  if (change(db, CLAIM, ...toParams(record)) === 1) return
  throw new OnlyonceError('STORE_UNAVAILABLE', `operation ${quote(record.id)} changed under its own lock; ask again`)
}

export function leaseParams({ id, owner, fence }: Lease): [id: string, owner: string, fence: number] {
  return [id, owner, fence]
}

function loadById(db: SqliteConnection, id: OperationId): OperationRecord | undefined {
  const [row] = read(db, LOAD, `operation ${quote(id)}`, id)
  return row === undefined ? undefined : toRecord(row)
}

function read(db: SqliteConnection, sql: string, what: string, ...params: SqliteValue[]): readonly Row[] {
  try {
    return rows(db, sql, ...params)
  } catch (error) {
    throw isInexact(error) ? unreadable(what, error) : error
  }
}

function written(changes: number): WriteOutcome {
  return changes === 1 ? 'ok' : 'lost'
}

function removed(db: SqliteConnection, gone: readonly Row[], fences: Fences): readonly OperationId[] {
  const known = gone.map((row) => row.fence).filter((fence) => Number.isSafeInteger(fence)) as number[]
  if (known.length > 0)
    fences.raise(
      db,
      known.reduce((a, b) => Math.max(a, b)),
    )
  return gone.map((row) => String(row.id))
}
