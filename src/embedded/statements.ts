import type { SqliteConnection, SqliteStatement, SqliteValue } from './driver.ts'

/** Enough for our own and those of a few dozen effects; SQL that is built anew each time must not pile up. */
const MOST_STATEMENTS = 200

const prepared = new WeakMap<SqliteConnection, Map<string, SqliteStatement>>()

/** The statement for `sql` on this connection, compiled once. */
export function statement(db: SqliteConnection, sql: string): SqliteStatement {
  const known = prepared.get(db) ?? new Map<string, SqliteStatement>()
  if (known.size === 0) prepared.set(db, known)
  const existing = known.get(sql)
  if (existing !== undefined) return existing
  const fresh = db.prepare(sql)
  if (known.size >= MOST_STATEMENTS) known.delete(known.keys().next().value as string)
  known.set(sql, fresh)
  return fresh
}

export type Row = Readonly<Record<string, unknown>>

/**
 * Always `all`, never `get`: libsql leaves a statement open after `get`, which pins the connection to the snapshot it
 * read, and every later write on it fails with SQLITE_BUSY_SNAPSHOT.
 */
export function rows(db: SqliteConnection, sql: string, ...params: SqliteValue[]): readonly Row[] {
  const found = statement(db, sql).all(...params) as Row[]
  const [first] = found
  // A connection of the user's may be set to bigints, and then is so for every statement.
  return first !== undefined && Object.values(first).some(isBig) ? found.map(smallNumbers) : found
}

const isBig = (value: unknown) => typeof value === 'bigint'

/** Bigints that a JavaScript number holds exactly as such numbers. */
export function smallNumbers(row: unknown): Row {
  const entries = Object.entries(Object(row)).map(([name, value]): [string, unknown] => {
    const small = typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    return [name, small ? Number(value) : value]
  })
  return Object.fromEntries(entries)
}

/** How many rows the statement changed. */
export function change(db: SqliteConnection, sql: string, ...params: SqliteValue[]): number {
  return Number(statement(db, sql).run(...params).changes)
}

/** Statements of a closed connection must not be used again. */
export function dropStatements(db: SqliteConnection): void {
  prepared.delete(db)
}

/**
 * libsql takes a lone object for named parameters, and ends the process when that is a blob or null. In a list it is
 * safe there and in better-sqlite3; node:sqlite, whose statements have no `raw`, takes no lists and needs none.
 */
export function bindable(compiled: SqliteStatement, params: SqliteValue[]): SqliteValue[] {
  const [lone] = params
  if (params.length !== 1 || !(lone === null || ArrayBuffer.isView(lone)) || !('raw' in compiled)) return params
  return [params as unknown as SqliteValue]
}
