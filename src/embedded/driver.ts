import { OnlyonceError, reasonOf } from '../core/errors.ts'

/** What can be bound to a statement of SQLite: no boolean, no `Date`, no `undefined`. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/**
 * The part of a prepared statement that we use: `run` changes rows and counts them, `get` returns the first row or
 * `undefined`, `all` every row.
 */
export interface SqliteStatement {
  run(...params: SqliteValue[]): { readonly changes: number | bigint }
  get(...params: SqliteValue[]): unknown
  all(...params: SqliteValue[]): unknown[]
}

/** The part of `node:sqlite`, better-sqlite3 and libsql that we use. Any connection with this shape will do. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** A connection on which a transaction is open. */
export type SqliteConnection = Pick<SqliteDatabase, 'exec' | 'prepare'>

export type OpenDatabase = (path: string) => SqliteDatabase

type DatabaseClass = new (path: string) => SqliteDatabase

/** Tried in this order. The specifier is a variable, so that bundlers and the compiler do not require the packages. */
const PACKAGES = ['libsql', 'better-sqlite3'] as const

/**
 * Finds the SQLite of this runtime: `node:sqlite`, else an installed `libsql`, else `better-sqlite3`.
 * @throws OnlyonceError STORE_UNAVAILABLE, saying what to install
 */
export async function loadDriver(): Promise<OpenDatabase> {
  const builtin = process.getBuiltinModule?.('node:sqlite' as 'node:fs') as { DatabaseSync?: DatabaseClass } | undefined
  if (builtin?.DatabaseSync !== undefined) return opener(builtin.DatabaseSync)
  const broken: string[] = []
  for (const name of PACKAGES) {
    try {
      const module = (await import(name)) as { default: DatabaseClass }
      return opener(module.default)
    } catch (error) {
      if (!isMissing(error)) broken.push(`${name} cannot be loaded (${reasonOf(error)})`)
    }
  }
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    [
      'no SQLite was found:',
      ...broken.map((reason) => `${reason};`),
      'use Node.js 22.13 or later, which has its own, or run `npm install libsql`,',
      'or give a connection of yours as sqliteStore({ database })',
    ].join(' '),
  )
}

function opener(Database: DatabaseClass): OpenDatabase {
  return (path) => new Database(path)
}

function isMissing(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
