import { timeLimit } from '../../core/time-limit.ts'
import {
  latestVersion,
  type MigrationPlan,
  planMigration,
  requireVersion,
  type SchemaReport,
  type SchemaVerbs,
} from '../sql/schema.ts'
import type { PgClient } from './client.ts'
import { migrateCommand, told } from './faults.ts'
import type { Lender } from './lender.ts'
import { EXPECTED_COLUMNS, EXPECTED_INDEXES, postgresMigrations } from './migrations.ts'
import type { ResolvedPostgresOptions } from './options.ts'

/** Creating tables waits for whoever else does so. */
const MIGRATE_WITHIN_MS = 600_000

export interface Schema {
  /** Looks once whether the tables are of this version, and under `migrate: 'auto'` makes them so. */
  ready(client: PgClient): Promise<void>
  /** They turned out to be missing: look again. */
  forget(): void
  readonly verbs: Pick<SchemaVerbs, 'migrations' | 'migrate' | 'check'>
}

export function createSchema(options: ResolvedPostgresOptions, lender: Lender): Schema {
  const { schema, runtime, timeoutMs } = options
  const migrations = postgresMigrations(schema)
  const latest = latestVersion(migrations)
  const label = `the postgres store in schema ${schema}`
  const command = migrateCommand(schema)
  let right = false

  async function version(client: PgClient): Promise<number> {
    // Not to_regclass: behind an advisory lock it answers from a cache that does not know what was committed meanwhile.
    const there = await client.query(
      `SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1::text AND c.relname = 'migrations'`,
      [schema],
    )
    if (there.rows.length === 0) return 0
    const { rows } = await client.query(`SELECT coalesce(max(version), 0) AS version FROM "${schema}".migrations`)
    return Number(rows[0]?.version)
  }

  /** The advisory lock lets one process at a time in; the others then find nothing left to do. */
  async function apply(client: PgClient): Promise<MigrationPlan> {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    try {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', [`onlyonce ${schema}`])
      const plan = planMigration(migrations, await version(client))
      for (const sql of plan.statements) if (!(await isThere(client, sql))) await client.query(sql)
      for (const one of migrations.filter(({ version }) => version > plan.from)) {
        const insert = `INSERT INTO "${schema}".migrations (version, name) VALUES ($1::text::integer, $2::text)`
        await client.query(insert, [String(one.version), one.name])
      }
      await client.query('COMMIT')
      return plan
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }

  /** CREATE SCHEMA IF NOT EXISTS asks for the privilege to create one, even where an administrator has done so. */
  async function isThere(client: PgClient, sql: string): Promise<boolean> {
    if (!sql.startsWith('CREATE SCHEMA')) return false
    const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1::text', [schema])
    return rows.length > 0
  }

  async function ready(client: PgClient): Promise<void> {
    if (right) return
    const known = await version(client)
    if (known < latest && options.migrate === 'auto') await apply(client)
    else requireVersion(known, latest, label, command)
    right = true
  }

  async function use<T>(ms: number, work: (client: PgClient) => Promise<T>): Promise<T> {
    let broken: Error | undefined
    try {
      const lent = await lender.borrow(timeoutMs)
      const silent = () => {
        broken = new Error(`no answer within ${ms} ms`)
        return broken
      }
      try {
        return await timeLimit(runtime, work(lent.client), ms, silent)
      } finally {
        lent.giveBack(broken)
      }
    } catch (error) {
      throw told(schema, error)
    }
  }

  return {
    ready,
    forget() {
      right = false
    },
    verbs: {
      migrations,
      migrate: ({ dryRun = false } = {}) =>
        use(MIGRATE_WITHIN_MS, async (client) => {
          const from = await version(client)
          if (from > latest) requireVersion(from, latest, label, command)
          return dryRun ? planMigration(migrations, from) : apply(client)
        }),
      check: () =>
        use(timeoutMs, async (client) => {
          const problems: string[] = []
          const known = await version(client)
          if (known !== latest) problems.push(`the schema is version ${known}, this onlyonce uses ${latest}`)
          problems.push(...(await missing(client, schema)))
          return { version: known, expected: latest, ok: problems.length === 0, problems } satisfies SchemaReport
        }),
    },
  }
}

async function missing(client: PgClient, schema: string): Promise<readonly string[]> {
  const columns = await client.query(
    `SELECT c.relname AS name, a.attname AS part FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v')`,
    [schema],
  )
  const indexes = await client.query('SELECT indexname AS name FROM pg_indexes WHERE schemaname = $1::text', [schema])
  const present = new Set(columns.rows.map(({ name, part }) => `${name}.${part}`))
  const tables = new Set(columns.rows.map(({ name }) => name))
  const indexed = new Set(indexes.rows.map(({ name }) => name))
  const problems: string[] = []
  for (const [table, expected] of Object.entries(EXPECTED_COLUMNS)) {
    if (!tables.has(table)) problems.push(`table ${table} is missing`)
    else
      for (const column of expected)
        if (!present.has(`${table}.${column}`)) problems.push(`column ${table}.${column} is missing`)
  }
  for (const index of EXPECTED_INDEXES) if (!indexed.has(index)) problems.push(`index ${index} is missing`)
  return problems
}
