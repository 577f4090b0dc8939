import { constants } from 'node:os'
import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import { lostBy } from '../sql/lost.ts'
import { serverError } from '../sql/server-error.ts'
import type { PostgresPartitions } from './options.ts'

/** The class of an error. `again`: the same statement may succeed at once. `lost`: the connection is unusable. */
export type Fault =
  | 'again'
  | 'locked'
  | 'canceled'
  | 'lost'
  | 'no-tables'
  | 'no-savepoint'
  | 'no-transaction'
  | 'spoilt'
  | 'refused'
  | 'other'

/** read_only_sql_transaction */
const READ_ONLY = '25006'
/** invalid_sql_statement_name: the server has no prepared statement of that name. */
const NOT_PREPARED = '26000'

/** undefined_column */
const NO_COLUMN = '42703'

const BY_CODE: Readonly<Record<string, Fault>> = {
  '40001': 'again', // serialization_failure
  '40P01': 'again', // deadlock_detected
  '55P03': 'locked', // lock_not_available
  '57014': 'canceled', // query_canceled, also by statement_timeout
  '42P01': 'no-tables',
  [NO_COLUMN]: 'no-tables',
  '42P10': 'no-tables', // invalid_column_reference: ON CONFLICT finds no index, since the table has become partitioned
  '3F000': 'no-tables', // invalid_schema_name
  '3B001': 'no-savepoint',
  '25P01': 'no-transaction',
  '25P02': 'spoilt', // in_failed_sql_transaction
  // After a failover a kept connection may lead to what is now a standby, and would do so for ever.
  [READ_ONLY]: 'lost',
  // The driver takes them for prepared as long as the connection is open.
  [NOT_PREPARED]: 'lost',
  '57P01': 'lost', // admin_shutdown
  '57P02': 'lost', // crash_shutdown
  '57P03': 'lost', // cannot_connect_now
  '57P05': 'lost', // idle_session_timeout
  '25P03': 'lost', // idle_in_transaction_session_timeout
}

/** What the user can do about it, appended to the error message. */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'the password is wrong: check the credentials of the pool',
  '28000': 'the server does not let this user in: check its role and pg_hba.conf',
  '3D000': 'there is no such database: check the name, or create it',
  '42501':
    'the role lacks a privilege: grant USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables, and to who migrates also CREATE on ' +
    'the database, or on a schema that is there',
  [READ_ONLY]: 'the server or the session is read-only: connect to the primary',
  '53100': 'the disk is full: nothing was written; make room and ask again',
  '53200': 'the server is out of memory',
  '53300': 'the server has no connection left: make the pool smaller or raise max_connections',
  [NOT_PREPARED]:
    'a prepared statement is not there: behind a pooler that hands connections around, or where something runs DEALLOCATE or DISCARD ALL on ' +
    'connections of the pool, give `prepare: false`',
  '42P05':
    'a prepared statement is there already: behind a pooler that hands connections around, give `prepare: false`',
  '0A000': 'the server does not support what is needed: onlyonce needs PostgreSQL 13 or later',
}

const LOST_MESSAGE =
  /connection terminated|connection ended|not queryable|client was closed|query read timeout|timeout exceeded when trying to connect/i
const LOST_CODE = /^(ECONN|EPIPE|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOENT)/

export function faultOf(error: unknown): Fault {
  if (OnlyonceError.is(error)) return 'other'
  const code = codeOf(error)
  const known = BY_CODE[code]
  if (known !== undefined) return known
  // Class 08: connection_exception. Without a code: pg's own messages about a connection that is gone.
  if (code.startsWith('08') || LOST_CODE.test(code) || LOST_MESSAGE.test(reasonOf(error))) return 'lost'
  return ADVICE[code] === undefined ? 'other' : 'refused'
}

export const isLost = lostBy(faultOf)

/** The tables were changed or removed since they were last checked. */
export const isWithoutTables = lostBy((error) => (faultOf(error) === 'no-tables' ? 'lost' : 'other'))

/** The statement did nothing, and the connection goes on refusing it, but works otherwise. */
export const isRefusing = lostBy((error) => ([READ_ONLY, NOT_PREPARED].includes(codeOf(error)) ? 'lost' : 'other'))

export const isWithoutColumn = (error: unknown): boolean => codeOf(error) === NO_COLUMN

/** Whether the server sent this error. Errors of the network may have five-character codes too (EPIPE). */
export function wasAnswered(error: unknown): boolean {
  const code = codeOf(error)
  return /^[0-9A-Z]{5}$/.test(code) && !(code in constants.errno)
}

/**
 * Whether the server's answer to COMMIT refuses what was written. Errors about its own state do not count: class 53
 * insufficient_resources, 57 operator_intervention, 58 system_error, XX internal_error.
 */
export function isAboutWrites(error: unknown): boolean {
  return faultOf(error) === 'other' && !/^(53|57|58|XX)/.test(codeOf(error))
}

/** pg's error for a connection that had died before: the server has never seen the statement. */
export function wasNeverSent(error: unknown): boolean {
  return /\bis not queryable\b/.test(reasonOf(error))
}

/** The command that brings the schema up to date. It names no URL, which may hold a password. */
export function migrateCommand(schema: string, partitions?: PostgresPartitions): string {
  const given = [
    ...(schema === 'onlyonce' ? [] : [`schema=${schema}`]),
    ...(partitions === undefined ? [] : [`partitions=${partitions.everyMs},${partitions.keep}`]),
  ]
  const query = given.length === 0 ? '' : `?${given.join('&')}`
  return `run \`npx onlyonce migrate --store ${shellWord(`postgres://HOST/DATABASE${query}`)}\`, or \`store.migrate()\``
}

/**
 * The error a verb throws. Missing tables are a definite STORE_UNAVAILABLE. Anything else concerns the server and not
 * the request, so it stays a plain error: the engine retries, then throws STORE_UNAVAILABLE.
 */
export function told(schema: string, error: unknown): Error {
  if (OnlyonceError.is(error)) return error
  if (faultOf(error) === 'no-tables') {
    const message = `the tables of the postgres store in schema ${schema} are missing or old (${reasonOf(error)}): ${migrateCommand(schema)}`
    return new OnlyonceError('STORE_UNAVAILABLE', message, { cause: error })
  }
  const advice = ADVICE[codeOf(error)]
  const reason = reasonOf(error) || codeOf(error) || 'no reason given'
  return serverError('PostgreSQL', { answered: wasAnswered(error), reason, advice }, error)
}

function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
