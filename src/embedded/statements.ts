import type { SqliteConnection, SqliteStatement, SqliteValue } from './driver.ts'

/** Enough for our own statements and those of a few dozen effects; a limit, because effects may generate SQL. */
const MOST_STATEMENTS = 200

const prepared = new WeakMap<SqliteConnection, Map<string, SqliteStatement>>()

/** Returns the statement for `sql` on this connection, from a cache. */
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
  // The caller's connection may be set to return bigints for all statements.
  return first !== undefined && Object.values(first).some(isBig) ? found.map(smallNumbers) : found
}

const isBig = (value: unknown) => typeof value === 'bigint'

/** Converts bigints to numbers where that is exact. */
export function smallNumbers(row: unknown): Row {
  const entries = Object.entries(Object(row)).map(([name, value]): [string, unknown] => {
    const small = typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    return [name, small ? Number(value) : value]
  })
  return Object.fromEntries(entries)
}

/** Runs a statement. Returns how many rows it changed. */
export function change(db: SqliteConnection, sql: string, ...params: SqliteValue[]): number {
  return Number(statement(db, sql).run(...params).changes)
}

/**
 * Runs a statement of the caller to its end. One that returns rows is left open by libsql's `run`, which counts none of
 * its changes either, and no savepoint or transaction can be ended around it.
 */
export function runOf(
  db: SqliteConnection,
  compiled: SqliteStatement,
  params: SqliteValue[],
): ReturnType<SqliteStatement['run']> {
  if ((compiled as { readonly reader?: unknown }).reader !== true) return compiled.run(...params)
  compiled.all(...params)
  const [counted] = rows(db, 'SELECT changes() AS changes, last_insert_rowid() AS lastInsertRowid')
  return counted as unknown as ReturnType<SqliteStatement['run']>
}

/** Statements of a closed connection must not be used again. */
export function dropStatements(db: SqliteConnection): void {
  prepared.delete(db)
}

/**
 * Makes parameters safe to bind: libsql takes a single object for named parameters, and crashes the process if it is a
 * blob or null. A list is safe there and in better-sqlite3; node:sqlite, whose statements lack `raw`, accepts no lists.
 */
export function bindable(compiled: SqliteStatement, params: SqliteValue[]): SqliteValue[] {
  const [lone] = params
  if (params.length !== 1 || !(lone === null || ArrayBuffer.isView(lone)) || !('raw' in compiled)) return params
  return [params as unknown as SqliteValue]
}
