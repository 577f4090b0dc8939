import { invalidOption, refuseUnknown } from '../../core/options.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { SqliteDatabase } from '../../embedded/driver.ts'

interface Shared {
  /**
   * Default `'full'`: a commit is on the disk before it is answered. `'normal'`: a power failure may undo the last
   * commits, a killed process none. With `database` the connection's own setting stays unless this is given.
   */
  readonly durability?: 'full' | 'normal'
  /** Default 5 000. How long a verb waits for the write lock, without blocking the event loop. */
  readonly busyTimeoutMs?: number
  /**
   * Default `'auto'`: the first use creates or upgrades the tables. `'check'`, the default when NODE_ENV is
   * `production`: it refuses with the command that does.
   */
  readonly migrate?: 'auto' | 'check'
  /** Default `systemRuntime`: its `now` is the store's clock. */
  readonly runtime?: Runtime
}

export type SqliteStoreOptions = Shared &
  (
    | {
        /** The file, created when it is not there; on a local disk, never on NFS. `:memory:` lives as long as the store. */
        readonly path: string
      }
    | {
        /**
         * A connection of yours. It stays yours: not closed, its journal mode and other settings not touched.
         * What you write on it while a transaction of the store is open becomes part of that transaction.
         */
        readonly database: SqliteDatabase
      }
  )

export interface ResolvedSqliteOptions {
  readonly source: { readonly path: string } | { readonly database: SqliteDatabase }
  /** How messages and the command line name the database. */
  readonly label: string
  /** Left out: leave the connection as it is. */
  readonly durability: 'full' | 'normal' | undefined
  readonly busyTimeoutMs: number
  readonly migrate: 'auto' | 'check'
  readonly runtime: Runtime
}

const KNOWN = ['path', 'database', 'durability', 'busyTimeoutMs', 'migrate', 'runtime']
const LONGEST_BUSY_MS = 3_600_000

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveSqliteOptions(given: SqliteStoreOptions): ResolvedSqliteOptions {
  const options = Object(given) as { readonly [name: string]: unknown }
  refuseUnknown(given, KNOWN)
  const { path, database, durability, busyTimeoutMs = 5_000, runtime = systemRuntime } = options
  const { migrate = process.env.NODE_ENV === 'production' ? 'check' : 'auto' } = options
  if (durability !== undefined && durability !== 'full' && durability !== 'normal') {
    throw invalidOption('durability', "must be 'full' or 'normal'", durability)
  }
  if (migrate !== 'auto' && migrate !== 'check') throw invalidOption('migrate', "must be 'auto' or 'check'", migrate)
  if (
    !Number.isSafeInteger(busyTimeoutMs) ||
    (busyTimeoutMs as number) < 0 ||
    (busyTimeoutMs as number) > LONGEST_BUSY_MS
  ) {
    throw invalidOption('busyTimeoutMs', 'must be a whole number of milliseconds from 0 to an hour', busyTimeoutMs)
  }
  if (typeof (runtime as Runtime | null)?.now !== 'function')
    throw invalidOption('runtime', 'must be a Runtime', runtime)
  const shared = { busyTimeoutMs: busyTimeoutMs as number, migrate, runtime: runtime as Runtime } as const
  if (database === undefined) {
    const file = checkedPath(path)
    return { ...shared, source: { path: file }, label: file, durability: durability ?? 'full' }
  }
  if (path !== undefined) throw invalidOption('path', 'cannot be given together with `database`', path)
  if (!isDatabase(database)) throw invalidOption('database', 'must have exec, prepare and close', database)
  return { ...shared, source: { database }, label: 'FILE', durability }
}

function checkedPath(path: unknown): string {
  if (typeof path !== 'string' || path.trim() === '') {
    throw invalidOption('path', 'is required: the file of the database, or give `database`', path)
  }
  if (path.includes('\0')) throw invalidOption('path', 'must not contain NUL', path)
  // libsql would take a URL for a remote server; a single letter is a Windows drive.
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) throw invalidOption('path', 'must be a file path, not a URL', path)
  return path
}

function isDatabase(value: unknown): value is SqliteDatabase {
  const { exec, prepare, close } = Object(value) as Partial<SqliteDatabase>
  return typeof exec === 'function' && typeof prepare === 'function' && typeof close === 'function'
}
