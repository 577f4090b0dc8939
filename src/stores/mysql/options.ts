import { OnlyonceError } from '../../core/errors.ts'
import {
  aRuntime,
  checkEach,
  invalidKind,
  invalidOption,
  oneOf,
  refuseUnknown,
  upToAnHour,
} from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { MysqlPool } from './client.ts'

/** Options of `mysqlStore`; OPTION_INVALID names what is unknown or out of range. */
export interface MysqlStoreOptions {
  /** A `mysql2/promise` pool, which the caller ends after the store was disposed of. */
  readonly pool: MysqlPool
  /**
   * The database of the store's tables. Default: the database of the pool. At most 64 letters, digits, `_`, `-` and
   * `$`. The caller's own tables may be in another database of the same server.
   */
  readonly database?: string
  /**
   * Default `'auto'`: the first use creates or upgrades the tables. `'check'`, the default when NODE_ENV is
   * `production`: the first use fails if they are missing or old, and names the command to run.
   */
  readonly migrate?: 'auto' | 'check'
  /** Default 5 000. Time limit of a verb, including its wait for a connection. A write may still happen after it. */
  readonly timeoutMs?: number
  /**
   * Default 5 000. How long a claim inside `transaction` waits for a rival's transaction before it answers `running`,
   * rounded up to seconds. In a transaction that the caller began, its own `innodb_lock_wait_timeout` applies.
   */
  readonly lockWaitMs?: number
  /** Default `systemRuntime`. For time limits and pauses only: the store's clock is the server's. */
  readonly runtime?: Runtime
}

export interface ResolvedMysqlOptions {
  readonly pool: MysqlPool
  readonly database: string
  readonly migrate: 'auto' | 'check'
  readonly timeoutMs: number
  readonly lockWaitMs: number
  readonly runtime: Runtime
}

const KNOWN = ['pool', 'database', 'migrate', 'timeoutMs', 'lockWaitMs', 'runtime']

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveMysqlOptions(given: MysqlStoreOptions): ResolvedMysqlOptions {
  const options = Object(given) as { readonly [name: string]: unknown }
  refuseUnknown(given, KNOWN)
  const { pool, timeoutMs = 5_000, lockWaitMs = 5_000, runtime = systemRuntime } = options
  const { migrate = process.env.NODE_ENV === 'production' ? 'check' : 'auto' } = options
  // The value is never printed: it may hold a password.
  if (typeof Object(pool).getConnection !== 'function') {
    throw invalidKind('pool', "is required: a pool of 'mysql2/promise', or what has its getConnection()", pool)
  }
  refuseCallbacks('pool', pool)
  const { database = databaseOf(pool) } = options
  if (database === undefined) throw invalidOption('database', 'is required: the pool names none', undefined)
  if (typeof database !== 'string' || !/^[a-z0-9_$-]{1,64}$/i.test(database)) {
    throw invalidOption('database', 'must be of letters, digits, `_`, `-` and `$`, at most 64', database)
  }
  checkEach(oneOf('auto', 'check'), { migrate })
  checkEach(upToAnHour(), { timeoutMs, lockWaitMs })
  checkEach(aRuntime, { runtime })
  return Object.freeze({
    pool: pool as MysqlPool,
    database,
    migrate: migrate as ResolvedMysqlOptions['migrate'],
    timeoutMs: timeoutMs as number,
    lockWaitMs: lockWaitMs as number,
    runtime: runtime as Runtime,
  })
}

/**
 * Pools and connections of 'mysql2' have the methods of those of 'mysql2/promise', and answer callbacks instead.
 * @throws OnlyonceError OPTION_INVALID
 */
export function refuseCallbacks(name: 'pool' | 'tx', client: unknown): void {
  if (typeof Object(client).promise !== 'function') return
  const give = name === 'pool' ? 'pool.promise()' : 'connection.promise()'
  throw new OnlyonceError(
    'OPTION_INVALID',
    `option \`${name}\` must be of 'mysql2/promise', and this one of 'mysql2' takes callbacks: give ${give}`,
  )
}

/** The pool's options as mysql2 keeps them. */
interface PoolSettings {
  readonly connectionLimit?: number
  readonly connectionConfig?: { readonly database?: string }
}

function settingsOf(pool: unknown): PoolSettings {
  const { pool: inner } = Object(pool) as { pool?: { config?: PoolSettings } }
  return inner?.config ?? {}
}

/**
 * The database of the pool. Statements name it with each table, so that a `USE` on a connection, the caller's own
 * included, does not lead to other tables.
 */
function databaseOf(pool: unknown): string | undefined {
  return settingsOf(pool).connectionConfig?.database || undefined
}

/** Whether the pool has one connection, so that a call that waits for it inside a transaction waits for itself. */
export function isSingle(pool: MysqlPool): boolean {
  return settingsOf(pool).connectionLimit === 1
}
