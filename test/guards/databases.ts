import { describe } from 'vitest'
import type { Dialect, SqlTx } from '../../src/guards/sql.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

/** A place of its own in a real database, as small as the cases of the guards need it. */
export interface Database {
  readonly dialect: Dialect
  /** The name of a table as the guards are given it. */
  table(name: string): string
  /** A statement outside of any transaction; `{name}` stands for a table, `?` for a value. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** The transaction that the store of this database hands to an atomic effect. */
  transaction<T>(work: (tx: SqlTx) => Promise<T>): Promise<T>
  /** A transaction in REPEATABLE READ on a connection of the caller's own. Servers only. */
  snapshot<T>(work: (tx: SqlTx) => Promise<T>): Promise<T>
  close(): Promise<void>
}

type Open = () => Promise<Database>

/** The same cases on SQLite, PostgreSQL and MariaDB. */
export function onEveryDatabase(body: (open: Open, dialect: Dialect) => void): void {
  describe('with sqlite', () => body(openSqlite, 'sqlite'))
  onEveryServer(body)
}

/** The same cases where transactions run side by side. */
export function onEveryServer(body: (open: Open, dialect: Dialect) => void): void {
  describeWith('postgres', (url) => body(() => openPostgres(url), 'postgres'))
  describeWith('mysql', (url) => body(() => openMysql(url), 'mysql'))
}

export async function openSqlite(): Promise<Database> {
  const store = sqliteStore({ path: ':memory:' })
  const ask = async (tx: SqliteTx, text: string, values: unknown[]) =>
    tx.prepare(text).all(...(values as string[])) as Record<string, unknown>[]
  return {
    dialect: 'sqlite',
    table: (name) => name,
    sql: (text, values = []) =>
      store.transaction(async (tx) => {
        const sql = text.replace(/\{(\w+)\}/g, '"$1"')
        if (/^\s*(select|with)|returning/i.test(sql)) return ask(tx, sql, values)
        tx.prepare(sql).run(...(values as string[]))
        return []
      }),
    transaction: (work) => store.transaction(work),
    snapshot: () => Promise.reject(new Error('one connection has no second transaction')),
    close: async () => store[Symbol.asyncDispose](),
  }
}

async function openPostgres(url: string): Promise<Database> {
  const database = await postgresDatabase(url)
  const store = database.store()
  return {
    dialect: 'postgres',
    table: (name) => `${database.schema}.${name}`,
    sql(text, values = []) {
      let nth = 0
      const sql = text.replace(/\{(\w+)\}/g, `"${database.schema}"."$1"`).replace(/\?/g, () => `$${++nth}`)
      return database.sql(sql, values)
    },
    transaction: (work) => store.transaction(work),
    async snapshot(work) {
      const client = await database.pool.connect()
      try {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
        const value = await work(client)
        await client.query('COMMIT')
        return value
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    close: () => database.close(),
  }
}

async function openMysql(url: string): Promise<Database> {
  const database = await mysqlDatabase(url)
  const store = database.store()
  return {
    dialect: 'mysql',
    table: (name) => name,
    sql: (text, values = []) => database.sql(text.replace(/\{(\w+)\}/g, '`$1`'), values),
    transaction: (work) => store.transaction(work),
    async snapshot(work) {
      const connection = await database.pool.getConnection()
      try {
        await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
        await connection.beginTransaction()
        const value = await work(connection)
        await connection.commit()
        return value
      } catch (error) {
        await connection.rollback()
        throw error
      } finally {
        connection.release()
      }
    },
    close: () => database.close(),
  }
}

/** How a test says what a promise was rejected with. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `no error, but ${String(value)}`,
    (error: { code?: unknown }) => String(error.code ?? error),
  )

/** A promise and how to fulfil it. */
export function gate(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}

/** A statement in the transaction of a server. */
export function ask(tx: SqlTx, sql: string): Promise<unknown> {
  return (tx as { query(sql: string): Promise<unknown> }).query(sql)
}
