import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { ObservedRecord, OperationId, OperationRecord, OperationState, StoredResult } from '../../core/record.ts'
import { unpackText } from '../../core/stored-text.ts'
import { requireBytes } from '../../embedded/bytes.ts'
import { unpackSteps } from './steps.ts'

/** A row as a driver returns it: 64-bit numbers may be strings, bigints or numbers, depending on its settings. */
export type Row = Readonly<Record<string, unknown>>

/** Written with every record. A larger number is from a newer onlyonce, whose records this version cannot judge. */
const RECORD_FORMAT = 1

/** Stored as their index. */
export const STATES: readonly OperationState[] = ['idle', 'running', 'done']
export const KINDS: readonly StoredResult['kind'][] = ['value', 'error', 'unstorable', 'unknown']

/** Times are stored in whole microseconds, which JavaScript holds exactly for the next two centuries. */
export const toMs = (micros: number): number => micros / 1000

/**
 * Converts a row into a record. An operation whose record cannot be read must neither run nor be replayed.
 * @throws OnlyonceError OUTCOME_UNKNOWN
 */
export function toRecord(row: Row): OperationRecord {
  try {
    if (Number(row.format) !== RECORD_FORMAT) throw new Error(formatFault(row.format))
    const state = oneOf(row, 'state', STATES)
    const result = toResult(row, state)
    return {
      id: toId(row.id),
      ...(row.scope === null ? {} : { scope: unpackText(text(row, 'scope')) }),
      ...(row.key === null ? {} : { key: unpackText(text(row, 'key')) }),
      fingerprint: unpackText(text(row, 'fingerprint')),
      state,
      owner: unpackText(text(row, 'owner')),
      fence: count(row, 'fence'),
      attempt: count(row, 'attempt'),
      starts: count(row, 'starts'),
      leaseUntil: time(row, 'lease_until'),
      retainUntil: time(row, 'retain_until'),
      createdAt: time(row, 'created_at'),
      // A claim inside a transaction is written as done at once and leaves the steps in the row: they no longer count.
      steps: state === 'done' ? [] : unpackSteps(row.steps),
      ...(result === undefined ? {} : { result }),
    }
  } catch (error) {
    throw unreadable(row.id, error)
  }
}

/** As `toRecord`, with the time by the store's clock when the row was read. */
export function toObserved(row: Row): ObservedRecord {
  return { ...toRecord(row), readAt: time(row, 'now') }
}

/** Returns 32 hex digits, from those, a UUID or 16 bytes. */
export function toId(stored: unknown): OperationId {
  if (typeof stored === 'string') return stored.length === 36 ? stored.replaceAll('-', '') : stored
  return Buffer.from(requireBytes(stored, 'its id')).toString('hex')
}

/** @throws Error when it is not a non-negative integer that JavaScript holds exactly */
export function count(row: Row, column: string): number {
  const value = number(row[column])
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`${column} is ${quote(String(row[column]))}`)
}

/** Milliseconds of the store's clock. */
export function time(row: Row, column: string): number {
  const value = number(row[column])
  if (Number.isFinite(value)) return toMs(value)
  throw new Error(`${column} is ${quote(String(row[column]))}`)
}

/** Number('') and Number(null) would be 0. */
function number(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'bigint' || (typeof value === 'string' && value !== '') ? Number(value) : Number.NaN
}

function toResult(row: Row, state: OperationState): StoredResult | undefined {
  if (state !== 'done') {
    if (row.result_kind === null) return undefined
    throw new Error(`it is ${state} and has a result`)
  }
  return { kind: oneOf(row, 'result_kind', KINDS), body: Uint8Array.from(requireBytes(row.result_body, 'result_body')) }
}

function oneOf<Word>(row: Row, column: string, words: readonly Word[]): Word {
  const word = words[number(row[column])]
  if (word === undefined) throw new Error(`${column} is ${quote(String(row[column]))}`)
  return word
}

export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw new Error(`${column} is no text`)
}

function formatFault(format: unknown): string {
  const known = Number(format)
  return known > RECORD_FORMAT
    ? `it was written by a newer onlyonce, in format ${known}; this one reads up to ${RECORD_FORMAT}`
    : `its format is ${quote(String(format))}`
}

function unreadable(id: unknown, cause: unknown): OnlyonceError {
  const isId = typeof id === 'string' || id instanceof Uint8Array
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the record of operation ${quote(isId ? toId(id) : String(id))} cannot be read (${reasonOf(cause)}): whether its effect happened is ` +
      'not known here; look at its row in the table of operations, then repair it or forget it',
    { cause },
  )
}
