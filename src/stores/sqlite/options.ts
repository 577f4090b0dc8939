import { aRuntime, checkEach, invalidOption, oneOf, refuseUnknown, upToAnHour } from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { SqliteDatabase } from '../../embedded/driver.ts'

interface Shared {
  /**
   * Default `'full'`: a commit is on disk before the verb returns. `'normal'`: a power failure may lose the last
   * commits, a killed process loses none. With `database`, the connection's own setting is the default.
   */
  readonly durability?: 'full' | 'normal'
  /** Default 5 000. How long a verb waits for the write lock, without blocking the event loop. */
  readonly busyTimeoutMs?: number
  /**
   * Default `'auto'`: the first use creates or upgrades the tables. `'check'`, the default when NODE_ENV is
   * `production`: the first use fails if they are missing or old, and names the command to run.
   */
  readonly migrate?: 'auto' | 'check'
  /** Default `systemRuntime`: its `now` is the store's clock. */
  readonly runtime?: Runtime
}

/**
 * Options of `sqliteStore`: either `path` or `database`, and the rest. OPTION_INVALID names what is unknown or out of
 * range.
 */
export type SqliteStoreOptions = Shared &
  (
    | {
        /** The file, created if missing; on a local disk, never on NFS. `:memory:` lives as long as the store. */
        readonly path: string
      }
    | {
        /**
         * The caller's connection. The store neither closes it nor changes its journal mode; of its other settings only
         * `durability`, if given. Whatever is written on it during a transaction of the store becomes part of that.
         */
        readonly database: SqliteDatabase
      }
  )

export interface ResolvedSqliteOptions {
  readonly source: { readonly path: string } | { readonly database: SqliteDatabase }
  /** How messages and the command line name the database. */
  readonly label: string
  /** `undefined`: keep the connection's setting. */
  readonly durability: 'full' | 'normal' | undefined
  readonly busyTimeoutMs: number
  readonly migrate: 'auto' | 'check'
  readonly runtime: Runtime
}

const KNOWN = ['path', 'database', 'durability', 'busyTimeoutMs', 'migrate', 'runtime']

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveSqliteOptions(given: SqliteStoreOptions): ResolvedSqliteOptions {
  const options = Object(given) as Shared & { readonly path?: unknown; readonly database?: unknown }
  refuseUnknown(given, KNOWN)
  const { path, database, durability, busyTimeoutMs = 5_000, runtime = systemRuntime } = options
  const { migrate = process.env.NODE_ENV === 'production' ? 'check' : 'auto' } = options
  checkEach(oneOf('full', 'normal'), { durability })
  checkEach(oneOf('auto', 'check'), { migrate })
  checkEach(upToAnHour(0), { busyTimeoutMs })
  checkEach(aRuntime, { runtime })
  const shared = { busyTimeoutMs, migrate, runtime }
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
  // libsql would connect to a URL as a remote server; a single letter is a Windows drive.
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) throw invalidOption('path', 'must be a file path, not a URL', path)
  return path
}

function isDatabase(value: unknown): value is SqliteDatabase {
  const { exec, prepare, close } = Object(value) as Partial<SqliteDatabase>
  return typeof exec === 'function' && typeof prepare === 'function' && typeof close === 'function'
}
