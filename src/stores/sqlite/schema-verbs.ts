import { existsSync } from 'node:fs'
import { IN_MEMORY } from '../../embedded/open-file.ts'
import type { Gate } from './gate.ts'
import type { ResolvedSqliteOptions } from './options.ts'
import {
  applyMigrations,
  checkSchema,
  LATEST_VERSION,
  type MigrationPlan,
  planMigration,
  requireLatest,
  type SchemaReport,
  schemaVersion,
} from './schema.ts'

export interface SchemaVerbs {
  /**
   * Brings the tables up to date, whatever the option `migrate` says. With `dryRun` it only tells what it would do.
   * Safe to run in several processes at once, and again.
   */
  migrate(options?: { readonly dryRun?: boolean }): Promise<MigrationPlan>
  /** Compares the tables with what this onlyonce expects; changes nothing and creates nothing. */
  check(): Promise<SchemaReport>
}

export function createSchemaVerbs(gate: Gate, { source, label }: ResolvedSqliteOptions): SchemaVerbs {
  /** Opening a file that is not there would create it. */
  function isMissing(): boolean {
    return 'path' in source && source.path !== IN_MEMORY && !existsSync(source.path)
  }

  return {
    async migrate({ dryRun = false } = {}) {
      if (dryRun && isMissing()) return planMigration(0)
      return gate.hold(
        'migrate',
        async ({ connection: { db, read, write }, deadline }) => {
          const from = await read(() => schemaVersion(db), deadline)
          if (from > LATEST_VERSION) requireLatest(from, label)
          return dryRun ? planMigration(from) : write(() => applyMigrations(db), deadline)
        },
        'anySchema',
      )
    },
    async check() {
      if (isMissing()) {
        const problems = [`there is no file ${label}`]
        return { version: 0, expected: LATEST_VERSION, ok: false, problems }
      }
      return gate.hold(
        'check the schema',
        ({ connection: { db, read }, deadline }) => read(() => checkSchema(db), deadline),
        'anySchema',
      )
    },
  }
}
