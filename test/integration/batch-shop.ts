import mysql from 'mysql2/promise'
import pg from 'pg'
import type { TransactionalStore } from '../../src/core/store.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

export type ShopKind = 'postgres' | 'mysql' | 'sqlite'
/** Whatever the transaction of the store is: only `BatchShop.run` knows. */
export type ShopTx = { readonly any?: never }

/** A ledger and a few accounts beside the records, in whichever database. */
export interface BatchShop {
  readonly store: TransactionalStore<ShopTx>
  run(tx: ShopTx, sql: string): Promise<unknown>
  /** One row for every message, in one statement. */
  insert(tx: ShopTx, ids: readonly string[]): Promise<unknown>
  /** In the order of the accounts that are named. */
  pay(tx: ShopTx, accounts: readonly number[]): Promise<void>
  /** The ledger, in the order in which it was written. */
  effects(): Promise<readonly string[]>
  paid(): Promise<number>
  createTables(): Promise<void>
  close(): Promise<void>
}

export const ACCOUNTS = 5

/** `place`: a schema, a database, or the folder of an SQLite file. */
export function openBatchShop(kind: ShopKind, url: string, place: string): BatchShop {
  const opened = OPENERS[kind](url, place)
  const { store, run, raw, table, rowsOf, serial, close } = opened
  const read = async (sql: string) => store.transaction(async (tx) => rowsOf(await run(tx as ShopTx, sql)))
  return {
    store,
    run,
    insert: (tx, ids) =>
      run(tx, `INSERT INTO ${table('effects')} (id) VALUES ${ids.map((id) => `('${id}')`).join(', ')}`),
    async pay(tx, accounts) {
      for (const id of accounts) await run(tx, `UPDATE ${table('accounts')} SET paid = paid + 1 WHERE id = ${id}`)
    },
    effects: async () => (await read(`SELECT id FROM ${table('effects')} ORDER BY n`)).map(({ id }) => String(id)),
    paid: async () => Number((await read(`SELECT sum(paid) AS paid FROM ${table('accounts')}`))[0]?.paid ?? 0),
    async createTables() {
      await raw(`CREATE TABLE ${table('effects')} (n ${serial}, id VARCHAR(100))`)
      await raw(`CREATE TABLE ${table('accounts')} (id INTEGER PRIMARY KEY, paid INTEGER)`)
      const rows = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, 0)`)
      await raw(`INSERT INTO ${table('accounts')} VALUES ${rows.join(', ')}`)
    },
    async close() {
      await store[Symbol.asyncDispose]()
      await close()
    },
  }
}

type Rows = readonly Record<string, unknown>[]

interface Opened {
  readonly store: TransactionalStore<ShopTx>
  readonly run: (tx: ShopTx, sql: string) => Promise<unknown>
  /** Outside of any transaction, for what a transaction may not do everywhere. */
  readonly raw: (sql: string) => Promise<unknown>
  readonly rowsOf: (answer: unknown) => Rows
  readonly table: (name: string) => string
  readonly serial: string
  readonly close: () => Promise<void>
}

const OPENERS: Record<ShopKind, (url: string, place: string) => Opened> = {
  postgres(url, schema) {
    const pool = new pg.Pool({ connectionString: url, max: 8 })
    return {
      store: postgresStore({ pool, schema }) as unknown as TransactionalStore<ShopTx>,
      run: (tx, sql) => (tx as unknown as pg.Client).query(sql),
      raw: (sql) => pool.query(sql),
      rowsOf: (answer) => (answer as pg.QueryResult).rows,
      table: (name) => `"${schema}".${name}`,
      serial: 'serial',
      close: () => pool.end(),
    }
  },
  mysql(url, database) {
    const pool = mysql.createPool({ uri: url, connectionLimit: 8 })
    return {
      store: mysqlStore({ pool, database }) as unknown as TransactionalStore<ShopTx>,
      run: (tx, sql) => (tx as unknown as mysql.Connection).query(sql),
      raw: (sql) => pool.query(sql),
      rowsOf: (answer) => (answer as [Rows])[0],
      table: (name) => `${database}.${name}`,
      serial: 'INTEGER AUTO_INCREMENT PRIMARY KEY',
      close: () => pool.end(),
    }
  },
  sqlite(_, directory) {
    const store = sqliteStore({ path: `${directory}/shop.db`, durability: 'normal', busyTimeoutMs: 20_000 })
    type Db = { prepare(sql: string): { all(): Rows; run(): unknown } }
    return {
      store: store as unknown as TransactionalStore<ShopTx>,
      async run(tx, sql) {
        const statement = (tx as unknown as Db).prepare(sql)
        return sql.startsWith('SELECT') ? statement.all() : statement.run()
      },
      raw: (sql) => store.transaction(async (tx) => tx.exec(sql)),
      rowsOf: (answer) => answer as Rows,
      table: (name) => name,
      serial: 'INTEGER PRIMARY KEY',
      close: async () => {},
    }
  },
}
