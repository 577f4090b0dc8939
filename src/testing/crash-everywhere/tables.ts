export type Row = Readonly<Record<string, unknown>>
/** Rows by table. */
export type Tables = Readonly<Record<string, readonly Row[]>>

/** The part of an SQLite connection that is read. */
export interface SqliteLike {
  exec(sql: string): unknown
  prepare(sql: string): { all(...values: unknown[]): unknown[]; run(...values: unknown[]): unknown }
}

const USER_TABLES = `
  SELECT name FROM sqlite_master
  WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'onlyonce\\_%' ESCAPE '\\'
  ORDER BY name`

/** The content of an outbox message; its id and position vary between runs. */
const OUTBOX = 'SELECT topic, body, ordering_key FROM onlyonce_outbox'

/** Returns all rows of all tables. Of onlyonce's own tables only the waiting messages of its outbox are included. */
export function sqliteTables(db: SqliteLike): Tables {
  const names = (db.prepare(USER_TABLES).all() as { name: string }[]).map(({ name }) => name)
  const tables = names.map((name) => [name, db.prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`).all() as Row[]])
  const outbox = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'onlyonce_outbox'").all()
  const name = names.includes('outbox') ? 'onlyonce_outbox' : 'outbox'
  if (outbox.length > 0) tables.push([name, db.prepare(OUTBOX).all() as Row[]])
  return Object.fromEntries(tables)
}
