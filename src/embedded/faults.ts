import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'

/** Kinds of errors of all drivers. */
export type Fault =
  | 'busy'
  | 'stale-snapshot'
  | 'nested'
  | 'no-transaction'
  | 'no-savepoint'
  | 'full'
  | 'read-only'
  | 'cannot-open'
  | 'not-a-database'
  | 'damaged'
  | 'constraint'
  | 'no-table'
  | 'closed'
  | 'other'

const BUSY_SNAPSHOT = 517

/** Faults by message, where SQLite has no specific code. */
const BY_MESSAGE: readonly (readonly [RegExp, Fault])[] = [
  [/within a transaction/, 'nested'],
  [/no transaction is active/, 'no-transaction'],
  [/no such savepoint/, 'no-savepoint'],
  [/no such (table|column)/, 'no-table'],
  // A kept statement of a closed connection is finalized, says node:sqlite.
  [/not open|has been finalized/, 'closed'],
  // When opening fails, libsql's error has neither code nor class.
  [/unable to open .*\b14\b/i, 'cannot-open'],
]

/** With the name that SQLite gives each code, and what its message says. */
const BY_CODE: Readonly<Record<number, readonly [name: string, fault: Fault, text: RegExp]>> = {
  5: ['SQLITE_BUSY', 'busy', /database is locked/],
  6: ['SQLITE_LOCKED', 'busy', /table is locked/],
  8: ['SQLITE_READONLY', 'read-only', /attempt to write a readonly database/],
  10: ['SQLITE_IOERR', 'damaged', /disk I\/O error/],
  11: ['SQLITE_CORRUPT', 'damaged', /malformed/],
  13: ['SQLITE_FULL', 'full', /database or disk is full/],
  14: ['SQLITE_CANTOPEN', 'cannot-open', /unable to open database file/],
  19: ['SQLITE_CONSTRAINT', 'constraint', /constraint failed/],
  26: ['SQLITE_NOTADB', 'not-a-database', /file is not a database/],
}

export function faultOf(error: unknown): Fault {
  if (OnlyonceError.is(error)) return 'other'
  const { code, errcode, rawCode } = Object(error) as { code?: unknown; errcode?: unknown; rawCode?: unknown }
  // node:sqlite has `errcode`, libsql `rawCode`, better-sqlite3 only the name.
  const number = typeof errcode === 'number' ? errcode : typeof rawCode === 'number' ? rawCode : undefined
  if (number === BUSY_SNAPSHOT || code === 'SQLITE_BUSY_SNAPSHOT') return 'stale-snapshot'
  const message = reasonOf(error)
  for (const [pattern, fault] of BY_MESSAGE) if (pattern.test(message)) return fault
  for (const [value, [name, fault, text]] of Object.entries(BY_CODE)) {
    const named = typeof code === 'string' && (code === name || code.startsWith(`${name}_`))
    if (named || (number !== undefined && (number & 0xff) === Number(value))) return fault
    // On Deno `exec`, and opening a file, throw errors of `node:sqlite` that have no number.
    if (number === undefined && code === 'ERR_SQLITE_ERROR' && text.test(message)) return fault
  }
  return 'other'
}

const ADVICE: Partial<Record<Fault, string>> = {
  'stale-snapshot':
    'a reader on this connection is still open, or the transaction read before it wrote: begin it with BEGIN IMMEDIATE',
  full: 'the disk or the database is full: nothing was written; make room and ask again',
  'read-only':
    'the file or its directory cannot be written: check its owner and mode, and that its disk is not mounted read-only',
  'cannot-open': 'the file cannot be opened: check that its directory exists and that this process may write in it',
  'not-a-database': 'it is not an SQLite database: give another path, or move the file away',
  closed: 'the connection is not open any more: close it after the store and what uses it',
  damaged: 'the file cannot be read or written: check the disk, run `PRAGMA integrity_check`, restore it from a backup',
}

/** Returns the command that brings the schema up to date. */
export function migrateCommand(label: string): string {
  // A URL decodes `%`, and ends at `?`.
  const url = `sqlite:${label.replace(/[%?]/g, encodeURIComponent)}`
  return `run \`npx onlyonce migrate --store ${shellWord(url)}\``
}

/** Where nothing may be created, a mistyped path is more likely than a store that nobody has set up. */
export function noFile(label: string): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `there is no file ${label}: check the path (a relative one begins at the working directory), or, to create it, ${migrateCommand(label)}`,
  )
}

/** Converts an error of the database into what a verb throws, with advice. */
export function unavailable(label: string, error: unknown): OnlyonceError {
  if (OnlyonceError.is(error)) return error
  const fault = faultOf(error)
  const advice = fault === 'no-table' ? `its tables are missing: ${migrateCommand(label)}` : ADVICE[fault]
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the SQLite file ${label} refused (${reasonOf(error)})${advice === undefined ? '' : `; ${advice}`}`,
    { cause: error },
  )
}
