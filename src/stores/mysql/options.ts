import { invalidOption, refuseUnknown } from '../../core/options.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { MysqlPool } from './client.ts'

export interface MysqlStoreOptions {
  /** A `mysql2/promise` pool of yours. It stays yours: end it after the store is disposed of. */
  readonly pool: MysqlPool
  /**
   * Default: the database that the pool names. Where the tables are: letters, digits, `_`, `-` and `$`, at most 64. Your own
   * tables may be in another database of the same server.
   */
  readonly database?: string
  /**
   * Default `'auto'`: the first use creates or upgrades the tables. `'check'`, the default when NODE_ENV is
   * `production`: it refuses with the command that does.
   */
  readonly migrate?: 'auto' | 'check'
  /** Default 5 000. Every verb ends by then, the wait for a connection included. What it was doing may still happen. */
  readonly timeoutMs?: number
  /**
   * Default 5 000. How long a claim inside `transaction` waits for a rival's transaction before it answers `running`; the server
   * counts whole seconds, so it is rounded up. In a transaction that you began, its own `innodb_lock_wait_timeout` counts.
   */
  readonly lockWaitMs?: number
  /** Default `systemRuntime`: time limits and pauses. The store's clock is the server's. */
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
const LONGEST_MS = 3_600_000

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveMysqlOptions(given: MysqlStoreOptions): ResolvedMysqlOptions {
  const options = Object(given) as { readonly [name: string]: unknown }
  refuseUnknown(given, KNOWN)
  const { pool, timeoutMs = 5_000, lockWaitMs = 5_000, runtime = systemRuntime } = options
  const { migrate = process.env.NODE_ENV === 'production' ? 'check' : 'auto' } = options
  // What was given is never printed: it may hold a password.
  if (typeof Object(pool).getConnection !== 'function') {
    throw invalidOption('pool', "is required: a pool of 'mysql2/promise', or what has its getConnection()", typeof pool)
  }
  const { database = databaseOf(pool) } = options
  if (database === undefined) throw invalidOption('database', 'is required: the pool names none', undefined)
  if (typeof database !== 'string' || !/^[a-z0-9_$-]{1,64}$/i.test(database)) {
    throw invalidOption('database', 'must be of letters, digits, `_`, `-` and `$`, at most 64', database)
  }
  if (migrate !== 'auto' && migrate !== 'check') throw invalidOption('migrate', "must be 'auto' or 'check'", migrate)
  for (const [name, value] of Object.entries({ timeoutMs, lockWaitMs })) {
    if (!Number.isSafeInteger(value) || (value as number) <= 0 || (value as number) > LONGEST_MS) {
      throw invalidOption(name, 'must be a whole number of milliseconds from 1 to an hour', value)
    }
  }
  if (typeof (runtime as Runtime | null)?.now !== 'function')
    throw invalidOption('runtime', 'must be a Runtime', runtime)
  return Object.freeze({
    pool: pool as MysqlPool,
    database,
    migrate,
    timeoutMs: timeoutMs as number,
    lockWaitMs: lockWaitMs as number,
    runtime: runtime as Runtime,
  })
}

/** What mysql2 keeps of the pool's options. */
interface PoolSettings {
  readonly connectionLimit?: number
  readonly connectionConfig?: { readonly database?: string }
}

function settingsOf(pool: unknown): PoolSettings {
  const { pool: inner } = Object(pool) as { pool?: { config?: PoolSettings } }
  return inner?.config ?? {}
}

/**
 * Every table is named with its database, so that a `USE` on a connection, the caller's own included, does not lead to
 * other tables.
 */
function databaseOf(pool: unknown): string | undefined {
  return settingsOf(pool).connectionConfig?.database || undefined
}

/** One connection for all: whoever waits inside a transaction waits for itself. */
export function isSingle(pool: MysqlPool): boolean {
  return settingsOf(pool).connectionLimit === 1
}
