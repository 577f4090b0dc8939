import { sql } from 'drizzle-orm'
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { CamelCasePlugin, Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import mysqlCallbacks from 'mysql2'
import mysql from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { DataSource } from 'typeorm'
import { describe, expect, it } from 'vitest'
import {
  fromDrizzle,
  fromDrizzleMysql,
  fromKnex,
  fromKnexMysql,
  fromKysely,
  fromKyselyMysql,
  fromPostgresJs,
  fromTypeOrm,
  fromTypeOrmMysql,
} from '../../src/executors/index.ts'
import { insertOnce, onlyIf, type SqlTx, upsert } from '../../src/guards/sql.ts'
import { stateMachine, transition } from '../../src/guards/state-machine.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const order = stateMachine({ name: 'order', states: ['unpaid', 'paid'], transitions: { unpaid: ['paid'] } })
const TABLE = 'orders (order_id VARCHAR(40) PRIMARY KEY, state VARCHAR(20), pence DECIMAL(10, 2), version INT)'

/** A transaction of a library, begun the way its users begin one; and the end of the library. */
interface Library {
  transaction(work: (tx: SqlTx) => Promise<unknown>): PromiseLike<unknown>
  close(): PromiseLike<unknown>
}

/** Every guard, twice, in two transactions of the library. */
async function guards({ transaction, close }: Library, table: string, nth: (n: number) => string): Promise<void> {
  const seen: unknown[] = []
  const row = { order_id: '1100', state: 'unpaid', pence: '42', version: 1 }
  const raise = `UPDATE ${table} SET version = 8 WHERE order_id = ${nth(1)} AND version = ${nth(2)}`
  try {
    for (const _ of [1, 2]) {
      await transaction(async (tx) => {
        const inserted = await insertOnce(tx, { table, row, key: 'order_id', compare: ['pence'] })
        const moved = await transition(tx, { machine: order, table, id: { order_id: '1100' }, to: 'paid' })
        const applied = await onlyIf(tx, raise, ['1100', 1])
        const newer = await upsert(tx, {
          table,
          row: { ...row, state: 'paid', version: 7 },
          key: 'order_id',
          newer: 'version',
        })
        seen.push([inserted, moved, applied, newer])
      })
    }
    const other = transaction((tx) => insertOnce(tx, { table, row: { ...row, pence: '43' }, key: 'order_id' }))
    await expect(other).rejects.toMatchObject({ code: 'KEY_REUSED' })
  } finally {
    await close()
  }
  expect(seen).toEqual([
    ['inserted', 'moved', 'applied', 'stale'],
    ['existed', 'already', 'skipped', 'stale'],
  ])
}

describe('the guards in a transaction of another library', () => {
  describeWith('postgres', (url) => {
    const libraries: Record<string, () => Promise<Library> | Library> = {
      pg() {
        const client = new pg.Client({ connectionString: url })
        const connected = client.connect()
        return {
          async transaction(work) {
            await connected
            await client.query('BEGIN')
            await work(client).finally(() => client.query('COMMIT'))
          },
          close: () => client.end(),
        }
      },
      kysely() {
        const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) })
        const db = new Kysely<object>({ dialect, plugins: [new CamelCasePlugin()] })
        return {
          transaction: (work) => db.transaction().execute((trx) => work(fromKysely(trx))),
          close: () => db.destroy(),
        }
      },
      knex() {
        const db = knex({ client: 'pg', connection: url })
        return { transaction: (work) => db.transaction((trx) => work(fromKnex(trx))), close: () => db.destroy() }
      },
      drizzle() {
        const pool = new pg.Pool({ connectionString: url })
        const db = drizzle(pool)
        return { transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx, sql))), close: () => pool.end() }
      },
      'postgres.js'() {
        const db = postgres(url)
        return { transaction: (work) => db.begin((tx) => work(fromPostgresJs(tx))), close: () => db.end() }
      },
      async typeorm() {
        const db = await new DataSource({ type: 'postgres', url }).initialize()
        return {
          transaction: (work) => db.transaction((manager) => work(fromTypeOrm(manager))),
          close: () => db.destroy(),
        }
      },
    }

    it.each(Object.keys(libraries))('%s', async (name) => {
      const database = await postgresDatabase(url)
      await database.sql(`CREATE TABLE "${database.schema}".${TABLE}`)
      await guards(await (libraries[name] as () => Library)(), `${database.schema}.orders`, (n) => `$${n}`)
      await database.close()
    })
  })

  describeWith('mysql', (server) => {
    const libraries: Record<string, (url: string) => Promise<Library> | Library> = {
      async mysql2(url) {
        const connection = await mysql.createConnection({ uri: url })
        return {
          async transaction(work) {
            await connection.beginTransaction()
            await work(connection).finally(() => connection.commit())
          },
          close: () => connection.end(),
        }
      },
      async 'mysql2 that counts changed rows'(url) {
        const connection = await mysql.createConnection({ uri: url, flags: ['-FOUND_ROWS'] })
        return {
          async transaction(work) {
            await connection.beginTransaction()
            await work(connection).finally(() => connection.commit())
          },
          close: () => connection.end(),
        }
      },
      kysely(url) {
        const dialect = new MysqlDialect({ pool: mysqlCallbacks.createPool({ uri: url }) })
        const db = new Kysely<object>({ dialect, plugins: [new CamelCasePlugin()] })
        return {
          transaction: (work) => db.transaction().execute((trx) => work(fromKyselyMysql(trx))),
          close: () => db.destroy(),
        }
      },
      knex(url) {
        const db = knex({ client: 'mysql2', connection: url })
        return { transaction: (work) => db.transaction((trx) => work(fromKnexMysql(trx))), close: () => db.destroy() }
      },
      drizzle(url) {
        const pool = mysql.createPool({ uri: url })
        const db = drizzleMysql(pool)
        return {
          transaction: (work) => db.transaction((tx) => work(fromDrizzleMysql(tx, sql))),
          close: () => pool.end(),
        }
      },
      async typeorm(url) {
        const db = await new DataSource({ type: 'mariadb', url }).initialize()
        return {
          transaction: (work) => db.transaction((manager) => work(fromTypeOrmMysql(manager))),
          close: () => db.destroy(),
        }
      },
    }

    it.each(Object.keys(libraries))('%s', async (name) => {
      const database = await mysqlDatabase(server)
      await database.sql(`CREATE TABLE ${TABLE}`)
      await guards(await (libraries[name] as (url: string) => Library)(database.url), 'orders', () => '?')
      await database.close()
    })
  })
})
