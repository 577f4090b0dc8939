import { createHash } from 'node:crypto'
import { OnlyonceError } from '../../core/errors.ts'
import { timeLimit } from '../../core/time-limit.ts'
import {
  latestVersion,
  type MigrationPlan,
  planMigration,
  requireVersion,
  type SchemaReport,
  type SchemaVerbs,
} from '../sql/schema.ts'
import type { MysqlConnection } from './client.ts'
import { faultOf, migrateCommand, told } from './faults.ts'
import type { Lender } from './lender.ts'
import { EXPECTED_COLUMNS, EXPECTED_INDEXES, mysqlMigrations } from './migrations.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import { namesIn } from './sql/names.ts'
import { DECISIVE_VARIABLES, READ_ONLY_VARIABLES, readOnlyBy, UNREADABLE, unfitFor } from './unfit.ts'

/** Includes the wait for another process that is migrating. */
const MIGRATE_WITHIN_MS = 600_000

const LEARNT = [
  ...['version', 'tx_isolation', 'transaction_isolation', 'max_allowed_packet', 'innodb_rollback_on_timeout'],
  ...DECISIVE_VARIABLES,
  ...READ_ONLY_VARIABLES,
]

export interface ServerSettings {
  /** Name of the variable of the isolation level, which MySQL and MariaDB name differently. */
  readonly isolationVariable: string
  /** `max_allowed_packet`: a larger statement is refused, and its connection closed. */
  readonly maxPacketBytes: number
  /** `innodb_rollback_on_timeout`: a lock wait timeout rolls back the transaction, not only the statement. */
  readonly timeoutUndoes: boolean
  /** It runs several statements as one, `BEGIN NOT ATOMIC … END`, as only MariaDB does. */
  readonly runsCompounds: boolean
}

export interface Schema {
  /** Checks once that the tables have this version; under `migrate: 'auto'` also migrates them. */
  ready(client: MysqlConnection): Promise<void>
  /** Makes `ready` check again: the tables are missing, or the next connection may lead to another server. */
  forget(): void
  /** Returns the settings; queries the connection only if they are not known yet. */
  settings(client: Pick<MysqlConnection, 'query'>): Promise<ServerSettings>
  /** The settings; defined once `ready` has resolved. */
  readonly server: ServerSettings
  readonly verbs: Pick<SchemaVerbs, 'migrations' | 'migrate' | 'check'>
}

export function createSchema(options: ResolvedMysqlOptions, lender: Lender): Schema {
  const { database, runtime, timeoutMs } = options
  const names = namesIn(database)
  const migrations = mysqlMigrations(database)
  const latest = latestVersion(migrations)
  const label = `the mysql store in database ${database}`
  const command = migrateCommand(database)
  /** A digest: a lock name has at most 64 characters, and a database name alone may have as many. */
  const lock = `onlyonce_${createHash('sha256').update(database).digest('hex').slice(0, 32)}`
  let right = false
  let server: ServerSettings | undefined

  async function version(client: MysqlConnection): Promise<number> {
    try {
      const [rows] = await client.query(`SELECT COALESCE(MAX(version), 0) AS version FROM ${names.migrations}`)
      return Number(rows[0]?.version ?? 0)
    } catch (error) {
      if (faultOf(error) === 'no-tables' || Object(error).errno === 1049) return 0
      throw error
    }
  }

  /** Printed without connecting, the statements have no database: whoever runs them has one. */
  async function planFor(client: MysqlConnection, from: number): Promise<MigrationPlan> {
    const plan = planMigration(migrations, from)
    if (plan.statements.length === 0 || (await isThere(client))) return plan
    return { ...plan, statements: [`CREATE DATABASE \`${database}\``, ...plan.statements] }
  }

  /** One process migrates at a time; others then find nothing to do. The lock is per session, so no COMMIT ends it. */
  async function apply(client: MysqlConnection): Promise<MigrationPlan> {
    const [rows] = await client.query('SELECT GET_LOCK(?, ?) AS got', [lock, MIGRATE_WITHIN_MS / 1000])
    if (Number(rows[0]?.got) !== 1) throw new Error('another process is migrating, and does not come to an end')
    try {
      const plan = await planFor(client, await version(client))
      for (const sql of plan.statements) await client.query(sql)
      return plan
    } finally {
      await client.query('DO RELEASE_LOCK(?)', [lock]).catch(() => {})
    }
  }

  async function isThere(client: MysqlConnection): Promise<boolean> {
    const [rows] = await client.query('SELECT 1 FROM information_schema.schemata WHERE schema_name = ?', [database])
    return rows.length > 0
  }

  async function learn(
    client: Pick<MysqlConnection, 'query'>,
  ): Promise<ServerSettings & { unfit: string | undefined; readOnly: string | undefined }> {
    const [rows] = await client.query(
      `SHOW VARIABLES WHERE Variable_name IN (${LEARNT.map((name) => `'${name}'`).join(', ')})`,
    )
    const isPlain = rows.every((row: object) => typeof (row as { Value?: unknown }).Value === 'string')
    // By position: a library whose transaction was joined may rename columns.
    const known = new Map<string, string>(rows.map((row: object) => Object.values(row)))
    server = {
      isolationVariable: known.has('transaction_isolation') ? 'transaction_isolation' : 'tx_isolation',
      maxPacketBytes: Number(known.get('max_allowed_packet') ?? Infinity),
      timeoutUndoes: known.get('innodb_rollback_on_timeout') === 'ON',
      runsCompounds: known.get('version')?.includes('MariaDB') === true,
    }
    return { ...server, unfit: isPlain ? unfitFor(known) : UNREADABLE, readOnly: readOnlyBy(known) }
  }

  /** With autocommit off, for one, the version that a migration has reached would never be committed. */
  async function requireFit(client: MysqlConnection): Promise<void> {
    const { unfit } = await learn(client)
    if (unfit !== undefined) throw new OnlyonceError('OPTION_INVALID', unfitConnections(unfit))
  }

  async function ready(client: MysqlConnection): Promise<void> {
    if (right) return
    await requireFit(client)
    const known = await version(client)
    if (known < latest && options.migrate === 'auto') await apply(client)
    else requireVersion(known, latest, label, command)
    right = true
  }

  async function use<T>(ms: number, work: (client: MysqlConnection) => Promise<T>): Promise<T> {
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
        // Destroy the connection, so that a lock it may still hold ends with it.
        broken ??= error as Error
        throw error
      } finally {
        lent.giveBack(broken)
      }
    } catch (error) {
      throw told(database, error)
    }
  }

  return {
    ready,
    forget() {
      right = false
    },
    settings: async (client) => server ?? (await learn(client)),
    get server() {
      return server as ServerSettings
    },
    verbs: {
      migrations,
      migrate: ({ dryRun = false } = {}) =>
        use(MIGRATE_WITHIN_MS, async (client) => {
          await requireFit(client)
          const from = await version(client)
          if (from > latest) requireVersion(from, latest, label, command)
          return dryRun ? planFor(client, from) : apply(client)
        }),
      check: () =>
        use(timeoutMs, async (client) => {
          const { unfit, readOnly } = await learn(client)
          const reasons = unfit === undefined ? [readOnly ?? []].flat() : [unfitConnections(unfit)]
          const problems = [...reasons]
          const known = await version(client)
          if (known !== latest) problems.push(`the schema is version ${known}, this onlyonce uses ${latest}`)
          // With what makes a connection unfit, rows may be left out here, too.
          if (unfit === undefined) problems.push(...(await missing(client, database)))
          const report = { version: known, expected: latest, ok: problems.length === 0, problems }
          return { ...report, ...(reasons.length === 0 ? {} : { unfit: true }) } satisfies SchemaReport
        }),
    },
  }
}

const unfitConnections = (why: string): string => `the connections of the pool have ${why}`

async function missing(client: MysqlConnection, database: string): Promise<readonly string[]> {
  const [columns] = await client.query(
    'SELECT table_name AS name, column_name AS part FROM information_schema.columns WHERE table_schema = ?',
    [database],
  )
  const [indexes] = await client.query(
    'SELECT table_name AS name, index_name AS part FROM information_schema.statistics WHERE table_schema = ?',
    [database],
  )
  type Part = { name: string; part: string }
  const present = new Set(columns.map(({ name, part }: Part) => `${name}.${part}`))
  const tables = new Set(columns.map(({ name }: Part) => name))
  const indexed = new Set(indexes.map(({ name, part }: Part) => `${name}.${part}`))
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
