import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { OperationRecord, OperationState, StoredResult } from '../../core/record.ts'
import { packText, unpackText } from '../../core/stored-text.ts'
import { requireBytes } from '../../embedded/bytes.ts'
import type { SqliteValue } from '../../embedded/driver.ts'
import type { Row } from '../../embedded/statements.ts'
import { packSteps, unpackSteps } from '../sql/steps.ts'

/** Written with every record. A larger number is from a newer onlyonce, whose records this version cannot judge. */
export const RECORD_FORMAT = 1

/** The parameters of `CLAIM`, in the order of its columns. */
export function toParams(record: OperationRecord): SqliteValue[] {
  return [
    RECORD_FORMAT,
    record.id,
    record.scope === undefined ? null : packText(record.scope),
    record.key === undefined ? null : packText(record.key),
    packText(record.fingerprint),
    record.state,
    record.owner,
    record.fence,
    record.attempt,
    record.starts,
    record.leaseUntil,
    record.retainUntil,
    record.createdAt,
    packSteps(record.steps),
    record.result?.kind ?? null,
    record.result?.body ?? null,
  ]
}

/**
 * Converts a row into a record. An operation whose record cannot be read must neither run nor be replayed.
 * @throws OnlyonceError OUTCOME_UNKNOWN
 */
export function toRecord(row: Row): OperationRecord {
  try {
    if (row.format !== RECORD_FORMAT) throw new Error(formatFault(row.format))
    const state = oneOf<OperationState>(row, 'state', STATES)
    const result = toResult(row, state)
    return {
      id: text(row, 'id'),
      ...(row.scope === null ? {} : { scope: unpackText(text(row, 'scope')) }),
      ...(row.key === null ? {} : { key: unpackText(text(row, 'key')) }),
      fingerprint: unpackText(text(row, 'fingerprint')),
      state,
      owner: text(row, 'owner'),
      fence: count(row, 'fence'),
      attempt: count(row, 'attempt'),
      starts: count(row, 'starts'),
      leaseUntil: time(row, 'lease_until'),
      retainUntil: time(row, 'retain_until'),
      createdAt: time(row, 'created_at'),
      steps: unpackSteps(row.steps),
      ...(result === undefined ? {} : { result }),
    }
  } catch (error) {
    throw unreadable(`operation ${quote(row.id)}`, error)
  }
}

/** True for the error with which node:sqlite refuses a row that has a number JavaScript cannot hold exactly. */
export function isInexact(error: unknown): boolean {
  return (Object(error) as { code?: unknown }).code === 'ERR_OUT_OF_RANGE'
}

export function unreadable(what: string, cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the record of ${what} cannot be read (${reasonOf(cause)}): whether its effect happened is ` +
      'not known here; look at its row in onlyonce_operations, then repair it or forget it',
    { cause },
  )
}

const STATES: readonly OperationState[] = ['idle', 'running', 'done']
const KINDS: readonly StoredResult['kind'][] = ['value', 'error', 'unstorable', 'unknown']

function toResult(row: Row, state: OperationState): StoredResult | undefined {
  if (state !== 'done') {
    if (row.result_kind === null) return undefined
    throw new Error(`it is ${state} and has a result`)
  }
  const kind = oneOf(row, 'result_kind', KINDS)
  return { kind, body: requireBytes(row.result_body, 'result_body') }
}

function formatFault(format: unknown): string {
  return typeof format === 'number' && format > RECORD_FORMAT
    ? `it was written by a newer onlyonce, in format ${format}; this one reads up to ${RECORD_FORMAT}`
    : `its format is ${quote(format)}`
}

function oneOf<Word extends string>(row: Row, column: string, words: readonly Word[]): Word {
  const value = row[column]
  if (words.includes(value as Word)) return value as Word
  throw new Error(`${column} is ${quote(value)}`)
}

function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw new Error(`${column} is no text`)
}

function count(row: Row, column: string): number {
  const value = row[column]
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new Error(`${column} is ${quote(value)}`)
}

function time(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Error(`${column} is ${quote(value)}`)
}
