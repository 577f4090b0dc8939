import type { SqliteConnection } from '../../embedded/driver.ts'
import { migrateCommand } from '../../embedded/faults.ts'
import { rows } from '../../embedded/statements.ts'
import { latestVersion, type MigrationPlan, planMigration, requireVersion, type SchemaReport } from '../sql/schema.ts'
import { EXPECTED_OTHERS, EXPECTED_TABLES, sqliteMigrations } from './migrations.ts'

export const LATEST_VERSION = latestVersion(sqliteMigrations)

/** Returns 0 when there are no onlyonce tables. */
export function schemaVersion(db: SqliteConnection): number {
  if (objects(db, 'table').has('onlyonce_meta')) {
    const [row] = rows(db, "SELECT number FROM onlyonce_meta WHERE name = 'schema_version'")
    if (typeof row?.number === 'number') return row.number
  }
  return 0
}

/** Call inside a write transaction: a second process waits for the lock, and then finds nothing left to do. */
export function applyMigrations(db: SqliteConnection): MigrationPlan {
  const plan = planMigration(sqliteMigrations, schemaVersion(db))
  for (const sql of plan.statements) db.exec(sql)
  return plan
}

export function checkSchema(db: SqliteConnection): SchemaReport {
  const version = schemaVersion(db)
  const problems: string[] = []
  if (version !== LATEST_VERSION)
    problems.push(`the schema is version ${version}, this onlyonce uses ${LATEST_VERSION}`)
  const tables = objects(db, 'table')
  for (const [table, expected] of Object.entries(EXPECTED_TABLES)) {
    if (!tables.has(table)) {
      problems.push(`table ${table} is missing`)
      continue
    }
    const columns = new Set(rows(db, 'SELECT name FROM pragma_table_info(?)', table).map(({ name }) => name))
    for (const column of expected) if (!columns.has(column)) problems.push(`column ${table}.${column} is missing`)
  }
  for (const [type, names] of Object.entries(EXPECTED_OTHERS)) {
    const present = objects(db, type)
    for (const name of names) if (!present.has(name)) problems.push(`${type} ${name} is missing`)
  }
  return { version, expected: LATEST_VERSION, ok: problems.length === 0, problems }
}

/** @throws OnlyonceError STORE_UNAVAILABLE naming the command, when the version is not the one this code was written for */
export function requireLatest(version: number, label: string): void {
  requireVersion(version, LATEST_VERSION, `the sqlite store ${label}`, migrateCommand(label))
}

function objects(db: SqliteConnection, type: string): ReadonlySet<unknown> {
  return new Set(rows(db, 'SELECT name FROM sqlite_master WHERE type = ?', type).map(({ name }) => name))
}
