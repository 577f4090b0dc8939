import { randomBytes } from 'node:crypto'
import mysql from 'mysql2/promise'
import type { MysqlConnection, MysqlPool } from '../../src/stores/mysql/client.ts'
import type { MysqlStore, MysqlStoreOptions } from '../../src/stores/mysql/index.ts'
import { SERVER_CLOCK } from '../../src/stores/mysql/sql/names.ts'
import { createMysqlStore } from '../../src/stores/mysql/store.ts'

export interface TestDatabase {
  readonly pool: mysql.Pool
  readonly database: string
  /** The URL of this database. */
  readonly url: string
  /** A store in this database, on this pool unless `options` say otherwise. */
  store(options?: Partial<MysqlStoreOptions>): MysqlStore
  /** Moves the clock of every store of this database: no test sleeps through a lease. */
  advance(ms: number): Promise<void>
  /** Stops the clock at `micros`. */
  setClock(micros: number): Promise<void>
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export const newDatabase = (): string => `t_${randomBytes(6).toString('hex')}`

/** A separate database on a shared server; its clock is the server's plus a number in a table. */
export async function testDatabase(
  server: string,
  { lend = (pool) => pool, ...pooling }: mysql.PoolOptions & { readonly lend?: (pool: MysqlPool) => MysqlPool } = {},
): Promise<TestDatabase> {
  const database = newDatabase()
  const control = await mysql.createConnection({ uri: server })
  await control.query(`CREATE DATABASE ${database}`)
  await control.query(`USE ${database}`)
  await control.query('CREATE TABLE test_clock (shift BIGINT, running BIGINT)')
  await control.query('INSERT INTO test_clock VALUES (0, 1)')
  const own = new URL(server)
  own.pathname = `/${database}`
  const pool = mysql.createPool({ uri: own.href, connectionLimit: 12, ...pooling })
  const clock = `(SELECT ${SERVER_CLOCK} * running + shift FROM ${database}.test_clock)`
  const opened: MysqlStore[] = []
  return {
    pool,
    database,
    url: own.href,
    store(options = {}) {
      const given = lend(options.pool ?? pool)
      const store = createMysqlStore({ database, ...options, pool: given }, clock)
      opened.push(store)
      return store
    },
    async advance(ms) {
      await control.query('UPDATE test_clock SET shift = shift + ?', [ms * 1000])
    },
    async setClock(micros) {
      await control.query('UPDATE test_clock SET shift = ?, running = 0', [micros])
    },
    async sql(text, values = []) {
      const [rows] = await control.query(text, values)
      return rows as Record<string, unknown>[]
    },
    async close() {
      for (const store of opened) await store[Symbol.asyncDispose]()
      await pool.end()
      await control.query(`DROP DATABASE ${database}`)
      await control.end()
    },
  }
}

/** A pool whose server does not say that it is MariaDB, so that it gets what MySQL gets: one statement after the other. */
export function asOfMysql(pool: MysqlPool): MysqlPool {
  const lent = (connection: MysqlConnection): MysqlConnection => ({
    execute: (sql, values) => connection.execute(sql, values),
    async query(sql, values) {
      const [rows, ...rest] = await connection.query(sql, values)
      const isVersion = (row: { Variable_name?: string }) => row.Variable_name === 'version'
      return [Array.isArray(rows) ? rows.filter((row) => !isVersion(row)) : rows, ...rest]
    },
    release: () => connection.release(),
    destroy: () => connection.destroy(),
  })
  return Object.assign(Object.create(pool), { getConnection: async () => lent(await pool.getConnection()) })
}

/** Whether a packet from the client makes the server commit, by itself or at the end of a compound statement. */
export function isCommit(packet: Buffer): boolean {
  return /COMMIT(; END)?$/.test(packet.subarray(5).toString('latin1'))
}
