import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { timeLimit } from '../../core/time-limit.ts'
import {
  latestVersion,
  type Migration,
  type MigrationPlan,
  planMigration,
  requireVersion,
  type SchemaReport,
  type SchemaVerbs,
} from '../sql/schema.ts'
import type { PgClient } from './client.ts'
import { missing, partitionProblems, readOnlyProblems, settingProblems } from './drift.ts'
import { isLost, isWithoutColumn, migrateCommand, told } from './faults.ts'
import type { Lender } from './lender.ts'
import { postgresMigrations } from './migrations.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { rollback } from './rollback.ts'
import { isPartitioned, type Names, type PartitionedNames } from './sql/names.ts'
import { partitioningSql } from './sql/partitions.ts'

/** Long, because creating tables waits for other processes that do so. */
const MIGRATE_WITHIN_MS = 600_000

const GIVE_PARTITIONS = 'give it `partitions: { everyMs, keep }`, or `partitions=MS,KEEP` in a URL'

interface Found {
  /** 0 if there are no tables. */
  readonly version: number
  readonly hasPartitions: boolean
  readonly home?: unknown
}

export interface Schema {
  /** Checks once that the tables have this version; with `migrate: 'auto'` it creates or upgrades them. */
  ready(client: PgClient): Promise<void>
  /**
   * Refuses a transaction in another database, by its `home`: a record would commit where no duplicate looks for it, and
   * a message where no relay does. As long as no connection of the store was used, nobody can tell, and it passes.
   * @throws OnlyonceError OPTION_INVALID
   */
  requireHome(there: unknown): Promise<void>
  /** Forgets the check: the tables turned out to be missing. */
  forget(): void
  readonly verbs: Pick<SchemaVerbs, 'migrations' | 'migrate' | 'check'>
}

/** For other migration tools: these statements follow those of the latest version, and have no version themselves. */
function intoPartitions(names: PartitionedNames, version: number): Migration {
  return { version, name: 'records in partitions', statements: partitioningSql(names) }
}

export function createSchema(options: ResolvedPostgresOptions, lender: Lender, names: Names): Schema {
  const { schema, runtime, timeoutMs } = options
  const migrations = postgresMigrations(schema)
  const latest = latestVersion(migrations)
  const label = `the postgres store in schema ${schema}`
  const command = migrateCommand(schema, options.partitions)
  let right = false
  let home: unknown

  async function requireSettings(client: PgClient): Promise<void> {
    const [problem] = await settingProblems(client)
    if (problem !== undefined) throw new OnlyonceError('OPTION_INVALID', `${label} cannot be used: ${problem}`)
  }

  /** Libraries name a table of their own so, in the schema of the application: to migrate would not help. */
  function foreign(cause: unknown): OnlyonceError {
    const message = `${label} cannot be used: the table \`migrations\` there is not of onlyonce (${reasonOf(cause)}): give it a \`schema\` of its own`
    return new OnlyonceError('OPTION_INVALID', message, { cause })
  }

  async function look(client: PgClient): Promise<Found> {
    // Not to_regclass: after the wait for an advisory lock its cache misses what was committed meanwhile.
    const there = await client.query(
      `SELECT c.relname AS name, c.relkind::text AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1::text AND c.relname IN ('migrations', 'operations')`,
      [schema],
    )
    const kinds = new Map(there.rows.map(({ name, kind }) => [name, kind]))
    if (!kinds.has('migrations')) return { version: 0, hasPartitions: false }
    const latestOf = `SELECT coalesce(max(version), 0) AS version, ${names.home} AS home FROM ${names.migrations}`
    const { rows } = await client.query(latestOf).catch((error) => {
      throw isWithoutColumn(error) ? foreign(error) : error
    })
    const { version, home } = rows[0] ?? {}
    return { version: Number(version), hasPartitions: kinds.get('operations') === 'p', home }
  }

  /** @throws OnlyonceError OPTION_INVALID when the records are in partitions, and the options do not say so */
  function planFor(found: Found): MigrationPlan {
    const { version, hasPartitions } = found
    if (hasPartitions) requireLayout(found)
    const plan = planMigration(migrations, version)
    if (hasPartitions || !isPartitioned(names)) return plan
    return { ...plan, statements: [...plan.statements, ...partitioningSql(names)] }
  }

  function hasOtherLayout({ version, hasPartitions }: Found): boolean {
    return version > 0 && hasPartitions !== isPartitioned(names)
  }

  /** Partitioned records need other claim statements than those of one table. */
  function requireLayout(found: Found): void {
    const { hasPartitions } = found
    if (!hasOtherLayout(found)) return
    if (!hasPartitions)
      throw new OnlyonceError('STORE_UNAVAILABLE', `${label} does not keep its records in partitions yet: ${command}`)
    throw new OnlyonceError('OPTION_INVALID', `${label} keeps its records in partitions: ${GIVE_PARTITIONS}`)
  }

  /** The advisory lock admits one process at a time; the others then find nothing left to do. */
  async function apply(client: PgClient): Promise<MigrationPlan> {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    try {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', [`onlyonce ${schema}`])
      const found = await look(client)
      const plan = planFor(found)
      for (const sql of plan.statements) if (!(await isThere(client, sql))) await client.query(sql)
      await client.query('COMMIT')
      return plan
    } catch (error) {
      await rollback(client, error)
      throw error
    }
  }

  /** CREATE SCHEMA IF NOT EXISTS requires the privilege to create one, even if the schema exists. */
  async function isThere(client: PgClient, sql: string): Promise<boolean> {
    if (!sql.startsWith('CREATE SCHEMA')) return false
    const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1::text', [schema])
    return rows.length > 0
  }

  async function ready(client: PgClient): Promise<void> {
    if (right) return
    await requireSettings(client)
    const found = await look(client)
    const isBehind = found.version < latest || (isPartitioned(names) && !found.hasPartitions)
    if (isBehind && found.version <= latest && options.migrate === 'auto') {
      await apply(client)
      home = (await look(client)).home
    } else {
      requireVersion(found.version, latest, label, command)
      requireLayout(found)
      home = found.home
    }
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
      } catch (error) {
        if (isLost(error)) broken = error as Error
        throw error
      } finally {
        lent.giveBack(broken)
      }
    } catch (error) {
      throw told(schema, error)
    }
  }

  async function requireHome(there: unknown): Promise<void> {
    const isTold = typeof there === 'string' && typeof home === 'string'
    if (!isTold || there === home) return
    // The tables may have been made anew, or the pool lead to another server by now.
    home = (await use(timeoutMs, look)).home
    if (there !== home) throw elsewhere(label)
  }

  return {
    ready,
    requireHome,
    forget() {
      right = false
    },
    verbs: {
      migrations: isPartitioned(names) ? [...migrations, intoPartitions(names, latest)] : migrations,
      migrate: ({ dryRun = false } = {}) =>
        use(MIGRATE_WITHIN_MS, async (client) => {
          await requireSettings(client)
          const found = await look(client)
          if (found.version > latest) requireVersion(found.version, latest, label, command)
          return dryRun ? planFor(found) : apply(client)
        }),
      check: () =>
        use(timeoutMs, async (client) => {
          const unfit = [...(await settingProblems(client)), ...(await readOnlyProblems(client))]
          const problems: string[] = []
          const found = await look(client)
          const { version, hasPartitions } = found
          if (version !== latest) problems.push(`the schema is version ${version}, this onlyonce uses ${latest}`)
          if (hasOtherLayout(found))
            unfit.push(
              `the records are ${hasPartitions ? '' : 'not '}in partitions, which is not what the options say: ` +
                (hasPartitions ? GIVE_PARTITIONS : command),
            )
          else problems.push(...(await missing(client, schema, names)))
          if (hasPartitions && isPartitioned(names)) problems.push(...(await partitionProblems(client, names)))
          const ok = unfit.length + problems.length === 0
          const report = { version, expected: latest, ok, problems: [...unfit, ...problems] }
          return { ...report, ...(unfit.length === 0 ? {} : { unfit: true }) } satisfies SchemaReport
        }),
    },
  }
}

function elsewhere(label: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `what was given as \`tx\` is a transaction in another database than that of ${label}: what it writes there nobody would look ` +
      'for; give a transaction in the database of the store, or make a store of the other',
  )
}
