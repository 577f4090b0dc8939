import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { lostBy } from '../sql/lost.ts'
import { serverError } from '../sql/server-error.ts'

/**
 * Kinds of driver errors. `again`: the server rolled back the transaction; a retry may succeed at once. `locked`: it
 * undid only the statement, after a lock wait. `lost`: the connection is unusable.
 */
export type Fault = 'again' | 'locked' | 'lost' | 'no-tables' | 'no-savepoint' | 'refused' | 'other'

const BY_NUMBER: Readonly<Record<number, Fault>> = {
  1020: 'again', // ER_CHECKREAD: MariaDB's innodb_snapshot_isolation
  1213: 'again', // ER_LOCK_DEADLOCK
  1205: 'locked', // ER_LOCK_WAIT_TIMEOUT
  1054: 'no-tables', // ER_BAD_FIELD_ERROR
  1146: 'no-tables', // ER_NO_SUCH_TABLE
  1305: 'no-savepoint', // ER_SP_DOES_NOT_EXIST
  1053: 'lost', // ER_SERVER_SHUTDOWN
  1153: 'lost', // ER_NET_PACKET_TOO_LARGE, after which the server closes the connection
  1568: 'lost', // ER_CANT_CHANGE_TX_CHARACTERISTICS: somebody gave the connection back in the middle of a transaction
  1927: 'lost', // ER_CONNECTION_KILLED
  4031: 'lost', // ER_CLIENT_INTERACTION_TIMEOUT
  // After a failover, an open connection may lead to what is a replica now, and would do so for ever.
  1290: 'lost', // ER_OPTION_PREVENTS_STATEMENT: read_only
  1792: 'lost', // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
  1836: 'lost', // ER_READ_ONLY_MODE
}

const PRIVILEGE =
  'the user lacks a privilege: grant SELECT, INSERT, UPDATE, DELETE on the onlyonce_ tables, and to who migrates also CREATE, ALTER, ' +
  'INDEX, CREATE VIEW, DROP'
const READ_ONLY = 'the server or the session is read-only: connect to the primary'
const FULL_HOUSE = 'the server has no connection left: make the pool smaller or raise max_connections'

/** Advice by error number, for the message. */
const ADVICE: Readonly<Record<number, string>> = {
  1021: 'the disk is full: nothing was written; make room and ask again',
  1040: FULL_HOUSE,
  1044: 'the user may not use this database: check the name, or grant it',
  1045: 'the server does not let this user in: check the credentials of the pool',
  1049: 'there is no such database: check the name, or create it',
  1064: 'the server does not know the syntax: onlyonce needs MySQL 8 or MariaDB 10.6, or later, without ORACLE in sql_mode',
  1114: 'the table is full: make room on the disk and ask again',
  1130: 'the server does not let this host in: check its user table',
  1142: PRIVILEGE,
  1143: PRIVILEGE,
  1153: 'a result or a message is larger than the server takes: raise max_allowed_packet, or keep it smaller',
  1203: FULL_HOUSE,
  1226: FULL_HOUSE,
  1290: READ_ONLY,
  1461: 'the server has no room for prepared statements: raise max_prepared_stmt_count',
  1698: 'the server does not let this user in: check the credentials of the pool',
  1792: READ_ONLY,
  1836: READ_ONLY,
  3159: 'the server wants TLS: give `ssl` to the pool',
}

const LOST_CODE = /^(PROTOCOL_|ECONN|EPIPE|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOENT)/
const LOST_MESSAGE = /closed state|connection (is )?(closed|lost)|connection lost|pool is closed/i

export function faultOf(error: unknown): Fault {
  if (OnlyonceError.is(error)) return 'other'
  const { errno, code, fatal } = partsOf(error)
  const known = BY_NUMBER[errno]
  if (known !== undefined) return known
  // A refused login is fatal to its connection too, but a retry would be refused again.
  if (ADVICE[errno] !== undefined) return 'refused'
  return fatal || LOST_CODE.test(code) || LOST_MESSAGE.test(serverReason(error)) ? 'lost' : 'other'
}

export const isLost = lostBy(faultOf)

/** ER_QUERY_INTERRUPTED, and ER_STATEMENT_TIMEOUT of MariaDB's max_statement_time. */
const INTERRUPTED = [1317, 1969]

/** Whether the server was told to stop the statement, which may have done all of its work before it noticed. */
export function wasInterrupted(error: unknown): boolean {
  return INTERRUPTED.includes(partsOf(error).errno)
}

/** Errors of the server, here by number, after which a statement may have been carried out all the same. */
const IN_DOUBT = [1053, 1927, ...INTERRUPTED]

/** Whether a statement that was sent may have been carried out, although its answer is this error. */
export function mayHaveRun(error: unknown): boolean {
  const { errno } = partsOf(error)
  if (errno >= 1_000) return IN_DOUBT.includes(errno)
  return faultOf(error) === 'lost' && !/closed state/i.test(serverReason(error))
}

/** Returns the command that brings the tables up to date. Without the URL, which may hold a password. */
export function migrateCommand(database: string): string {
  return `run \`npx onlyonce migrate --store mysql://HOST/${database}\`, or \`store.migrate()\``
}

/**
 * Converts an error into what a verb throws. Missing tables are a definite STORE_UNAVAILABLE. Any other error is about
 * the server and not the request, so it is a plain error: the engine retries, then reports STORE_UNAVAILABLE.
 */
export function told(database: string, error: unknown): Error {
  if (OnlyonceError.is(error)) return error
  if (faultOf(error) === 'no-tables') {
    const message = `the tables of the mysql store in database ${database} are missing or old (${serverReason(error)}): ${migrateCommand(database)}`
    return new OnlyonceError('STORE_UNAVAILABLE', message, { cause: error })
  }
  const { errno, code } = partsOf(error)
  const advice = ADVICE[errno]
  const reason = serverReason(error) || code || 'no reason given'
  // Errors of the server are numbered from 1000; those of the network below 0, and those of the driver not at all.
  return serverError('MySQL', { answered: errno >= 1_000, reason, advice }, error)
}

/** The server's message without what a library puts before it: Knex adds the statement with its values. */
export function serverReason(error: unknown): string {
  const { sqlMessage } = Object(error) as { sqlMessage?: unknown }
  return typeof sqlMessage === 'string' ? sqlMessage : reasonOf(error)
}

const undoing = new WeakSet<object>()

/** Marks an error that undoes one statement on most servers, but on this one rolled back the whole transaction. */
export function markUndoing(error: unknown): void {
  undoing.add(Object(error))
}

/** Whether this error, or a cause of it, means that the server rolled back the whole transaction, as in a deadlock. */
export function undoneByServer(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
    if (undoing.has(at) || faultOf(at) === 'again') return true
    const { cause, thrown } = at as { cause?: unknown; thrown?: unknown }
    at = thrown ?? cause
  }
  return false
}

function partsOf(error: unknown): { readonly errno: number; readonly code: string; readonly fatal: boolean } {
  const { errno, code, fatal } = Object(error) as { errno?: unknown; code?: unknown; fatal?: unknown }
  return { errno: Number(errno), code: typeof code === 'string' ? code : '', fatal: fatal === true }
}
