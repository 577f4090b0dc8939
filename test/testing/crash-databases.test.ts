import Database from 'libsql'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { PostgresStore } from '../../src/stores/postgres/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { type CrashHandler, type CrashOptions, crashEverywhere } from '../../src/testing/index.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase, type TestDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

describe('an SQLite connection of the handler', () => {
  const explore = (handler: CrashHandler<number, ReturnType<typeof sqliteStore>, { db: Database.Database }>) =>
    crashEverywhere(handler, {
      store: () => sqliteStore({ path: ':memory:' }),
      use: () => ({ db: new Database(':memory:') }),
      setup: ({ use }) =>
        use.db.exec(
          'CREATE TABLE orders (id INTEGER); CREATE TABLE stock (amount INTEGER); INSERT INTO stock VALUES (9)',
        ),
      close: ({ use }) => void use.db.close(),
      message: 7,
    })

  it('is read by itself, and the line between two writes without a transaction is named', async () => {
    const report = await explore((id, { use: { db } }) => {
      if (db.prepare('SELECT 1 FROM orders WHERE id = ?').all(id).length > 0) return
      db.prepare('INSERT INTO orders VALUES (?)').run(id)
      db.exec('UPDATE stock SET amount = amount - 1')
    })
    const crash = report.findings.find(({ trial }) => trial === 'crash')
    expect(crash?.after?.site?.source).toMatch(/INSERT INTO orders/)
    expect(crash?.before?.site?.source).toMatch(/UPDATE stock/)
    expect(crash?.differences).toContain('+ { amount: 9 }')
  })

  it('is undone when its process dies in a transaction', async () => {
    const report = await explore((id, { use: { db } }) => {
      db.exec('BEGIN')
      try {
        if (db.prepare('SELECT 1 FROM orders WHERE id = ?').all(id).length === 0) {
          db.prepare('INSERT INTO orders VALUES (?)').run(id)
          db.exec('UPDATE stock SET amount = amount - 1')
        }
        db.exec('COMMIT')
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    })
    report.assertClean()
    expect(report.points).toHaveLength(5)
  })
})

it('a handler that hangs in a transaction is stopped, and its connection free again', async () => {
  const report = await crashEverywhere(
    async (n: number, { use: { db }, delivery }) => {
      db.exec('BEGIN')
      db.prepare('INSERT INTO orders VALUES (?)').run(n)
      if (delivery === 1) await new Promise(() => {})
      db.exec('COMMIT')
    },
    {
      store: () => sqliteStore({ path: ':memory:' }),
      use: () => ({ db: new Database(':memory:') }),
      setup: ({ use }) => use.db.exec('CREATE TABLE orders (id INTEGER)'),
      message: 7,
      handlerTimeoutMs: 400,
    },
  )
  expect(report.findings[0]?.what).toMatch(/it is handled only when it comes a second time/)
})

type Pg = { readonly pool: pg.Pool; readonly schema: string }

describeWith('postgres', (url) => {
  /** The tables of one schema, emptied for each trial. */
  async function explore(
    handler: CrashHandler<number, PostgresStore, Pg>,
    more: Partial<CrashOptions<number, PostgresStore, Pg>> = {},
  ) {
    const database = await postgresDatabase(url, { max: 4 })
    const { schema } = database
    try {
      await database.sql(`CREATE TABLE ${schema}.orders (id int); CREATE TABLE ${schema}.stock (amount int)`)
      const store = () => emptied(database)
      return await crashEverywhere<number, PostgresStore, Pg>(handler, {
        store,
        use: () => ({ pool: database.pool, schema }),
        snapshot: async () => ({
          orders: await database.sql(`SELECT * FROM ${schema}.orders`),
          stock: await database.sql(`SELECT * FROM ${schema}.stock`),
        }),
        message: 7,
        other: 8,
        ...more,
      })
    } finally {
      await database.close()
    }
  }

  async function emptied(database: TestDatabase): Promise<PostgresStore> {
    const { schema } = database
    const store = database.store()
    await store.migrate()
    await database.sql(
      `TRUNCATE ${schema}.orders, ${schema}.stock, ${schema}.operations; INSERT INTO ${schema}.stock VALUES (9)`,
    )
    return store
  }

  it('names the line between two writes of a pool', async () => {
    const report = await explore(async (id, { use: { pool, schema } }) => {
      const { rows } = await pool.query(`SELECT 1 FROM ${schema}.orders WHERE id = $1`, [id])
      if (rows.length > 0) return
      await pool.query(`INSERT INTO ${schema}.orders VALUES ($1)`, [id])
      await pool.query(`UPDATE ${schema}.stock SET amount = amount - 1`)
    })
    const crash = report.findings.find(({ trial }) => trial === 'crash')
    expect(crash?.after?.site?.source).toMatch(/INSERT INTO/)
    expect(crash?.before?.site?.source).toMatch(/UPDATE/)
    expect(report.findings.some(({ trial }) => trial === 'together')).toBe(true)
  }, 60_000)

  it('finds nothing in a transaction on a connection of the pool, which its dying process gives up', async () => {
    const report = await explore(async (id, { use: { pool, schema } }) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await client.query(`LOCK TABLE ${schema}.stock`)
        const { rows } = await client.query(`SELECT 1 FROM ${schema}.orders WHERE id = $1`, [id])
        if (rows.length === 0) {
          await client.query(`INSERT INTO ${schema}.orders VALUES ($1)`, [id])
          await client.query(`UPDATE ${schema}.stock SET amount = amount - 1`)
        }
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    })
    report.assertClean()
    expect(report.points.length).toBe(7)
  }, 60_000)

  it('finds nothing in an atomic operation, and that another without it repeats', async () => {
    const atomic = await explore(async (id, kit) => {
      const { schema } = kit.use
      return kit.once({ scope: 'orders' }).atomic(`order:${id}`, async (tx) => {
        await tx.query(`INSERT INTO ${schema}.orders VALUES ($1)`, [id])
        const { rows } = await tx.query(`UPDATE ${schema}.stock SET amount = amount - 1 RETURNING amount`)
        return rows[0]
      })
    })
    atomic.assertClean()
    const leased = await explore(
      async (id, kit) => {
        const { schema } = kit.use
        const once = kit.once({ scope: 'orders', leaseMs: 100, retentionMs: 600_000 })
        return once(`order:${id}`, async () => {
          await kit.sql(`INSERT INTO ${schema}.orders VALUES ($1)`, id)
        })
      },
      { maxDeliveries: 30 },
    )
    const crash = leased.findings.find(({ trial }) => trial === 'crash')
    expect(crash?.after?.site?.source).toMatch(/INSERT INTO/)
    expect(crash?.differences).toContain('+ { id: 7 }')
  }, 60_000)

  it('must be told what to compare', async () => {
    const database = await postgresDatabase(url)
    try {
      const refused = crashEverywhere(() => {}, { store: () => database.store(), message: 1 })
      await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    } finally {
      await database.close()
    }
  })
})

describeWith('mysql', (url) => {
  it('finds nothing in an atomic operation, and what is wrong with two writes', async () => {
    const database = await mysqlDatabase(url)
    try {
      await database.sql('CREATE TABLE orders (id INT)')
      await database.sql('CREATE TABLE stock (amount INT)')
      const explore = (handler: CrashHandler<number, ReturnType<typeof database.store>, Record<string, never>>) =>
        crashEverywhere(handler, {
          store: async () => {
            const store = database.store()
            await store.migrate()
            for (const table of ['orders', 'stock', 'onlyonce_operations']) await database.sql(`DELETE FROM ${table}`)
            await database.sql('INSERT INTO stock VALUES (9)')
            return store
          },
          snapshot: async () => ({
            orders: await database.sql('SELECT * FROM orders'),
            stock: await database.sql('SELECT * FROM stock'),
          }),
          message: 7,
        })
      const repaired = await explore((id, kit) =>
        kit.once({ scope: 'orders' }).atomic(`order:${id}`, async (tx) => {
          await tx.query('INSERT INTO orders VALUES (?)', [id])
          await tx.query('UPDATE stock SET amount = amount - 1')
        }),
      )
      repaired.assertClean()
      const broken = await explore(async (id, { sql }) => {
        if ((await sql('SELECT 1 FROM orders WHERE id = ?', id)).length > 0) return
        await sql('INSERT INTO orders VALUES (?)', id)
        await sql('UPDATE stock SET amount = amount - 1')
      })
      const crash = broken.findings.find(({ trial }) => trial === 'crash')
      expect(crash?.after?.site?.source).toMatch(/INSERT INTO orders/)
      expect(crash?.before?.site?.source).toMatch(/UPDATE stock/)
    } finally {
      await database.close()
    }
  }, 60_000)
})
