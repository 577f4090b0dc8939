import { existsSync } from 'node:fs'
import type { SqliteDatabase, SqliteValue } from 'onlyonce/sqlite'

type DatabaseClass = new (path: string) => SqliteDatabase

/**
 * A plain SQLite connection, as used by a service without onlyonce, and by the audit. NORMAL is durable against all
 * faults of this demo: SIGKILL loses no write that reached the operating system; only a power failure would. Both runs
 * use it.
 */
export async function openDatabase(path: string): Promise<SqliteDatabase> {
  const builtin = process.getBuiltinModule?.('node:sqlite' as 'node:fs') as { DatabaseSync?: DatabaseClass } | undefined
  const Database = builtin?.DatabaseSync ?? ((await import('libsql')) as unknown as { default: DatabaseClass }).default
  const db = new Database(path)
  db.exec('PRAGMA busy_timeout = 10000; PRAGMA synchronous = NORMAL')
  db.prepare('PRAGMA journal_mode = WAL').all()
  return db
}

/** Returns the rows of a ledger; none if its process never created it. */
export async function readRows<T>(path: string, sql: string, ...params: SqliteValue[]): Promise<readonly T[]> {
  if (!existsSync(path)) return []
  const db = await openDatabase(path)
  try {
    return db.prepare(sql).all(...params) as T[]
  } finally {
    db.close()
  }
}
