import { existsSync } from 'node:fs'
import { IN_MEMORY } from '../../embedded/open-file.ts'
import { rows } from '../../embedded/statements.ts'
import { planMigration, type SchemaVerbs } from '../sql/schema.ts'
import type { Gate } from './gate.ts'
import { sqliteMigrations } from './migrations.ts'
import type { ResolvedSqliteOptions } from './options.ts'
import { applyMigrations, checkSchema, LATEST_VERSION, requireLatest, schemaVersion } from './schema.ts'
import { OVERDUE } from './sql.ts'

export function createSchemaVerbs(gate: Gate, { source, label }: ResolvedSqliteOptions): SchemaVerbs {
  /** Opening a file that is not there would create it. */
  function isMissing(): boolean {
    return 'path' in source && source.path !== IN_MEMORY && !existsSync(source.path)
  }

  return {
    migrations: sqliteMigrations,
    async migrate({ dryRun = false } = {}) {
      if (dryRun && isMissing()) return planMigration(sqliteMigrations, 0)
      return gate.hold(
        'migrate',
        async ({ connection: { db, read, write }, deadline }) => {
          const from = await read(() => schemaVersion(db), deadline)
          if (from > LATEST_VERSION) requireLatest(from, label)
          return dryRun ? planMigration(sqliteMigrations, from) : write(() => applyMigrations(db), deadline)
        },
        'anySchema',
      )
    },
    async check() {
      if (isMissing()) {
        const problems = [`there is no file ${label}: check the path`]
        return { version: 0, expected: LATEST_VERSION, ok: false, problems }
      }
      return gate.hold(
        'check the schema',
        ({ connection: { db, read }, deadline }) => read(() => checkSchema(db), deadline),
        'anySchema',
      )
    },
    overdue: () =>
      gate.read('count what is overdue', (db, now) => {
        const [row] = rows(db, OVERDUE, now, now)
        const count = Number(row?.number ?? 0)
        return { count, oldestMs: count === 0 ? 0 : Math.max(0, now - Number(row?.oldest)) }
      }),
  }
}
