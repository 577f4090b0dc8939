import { existsSync } from 'node:fs'
import type { SqliteDatabase, SqliteValue } from 'onlyonce/sqlite'

type DatabaseClass = new (path: string) => SqliteDatabase

/**
 * A plain SQLite connection, as a service without onlyonce would use one, and as the audit reads the ledgers.
 * NORMAL is durable against everything that happens here: SIGKILL loses no write that reached the operating system,
 * only a power failure would. Both runs use it.
 */
export async function openDatabase(path: string): Promise<SqliteDatabase> {
  const builtin = process.getBuiltinModule?.('node:sqlite' as 'node:fs') as { DatabaseSync?: DatabaseClass } | undefined
  const Database = builtin?.DatabaseSync ?? ((await import('libsql')) as unknown as { default: DatabaseClass }).default
  const db = new Database(path)
  db.exec('PRAGMA busy_timeout = 10000; PRAGMA synchronous = NORMAL')
  db.prepare('PRAGMA journal_mode = WAL').all()
  return db
}

/** Rows of a ledger; none when its process never came to make it. */
export async function readRows<T>(path: string, sql: string, ...params: SqliteValue[]): Promise<readonly T[]> {
  if (!existsSync(path)) return []
  const db = await openDatabase(path)
  try {
    return db.prepare(sql).all(...params) as T[]
  } finally {
    db.close()
  }
}
