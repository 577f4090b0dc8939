import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { tidily } from '../support/leftovers.ts'
import { newSchema } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  /** A database of its own on the server, with the tables of a store. */
  async function shop() {
    const admin = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    const name = newSchema()
    await admin.query(`CREATE DATABASE "${name}"`)
    const there = new URL(url)
    there.pathname = name
    const pool = tidily(new pg.Pool({ connectionString: there.href, max: 4 }), async (it) => {
      await it.end()
      await admin.query(`DROP DATABASE "${name}"`)
    })
    const store = tidily(postgresStore({ pool, migrate: 'auto' }), (it) => it[Symbol.asyncDispose]())
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    const records = async () => (await store.list({ limit: 10 })).items.length
    return { pool, store, once, records }
  }
  type Shop = Awaited<ReturnType<typeof shop>>

  async function inTransaction<T>({ pool }: Shop, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const value = await work(client)
      await client.query('COMMIT')
      return value
    } finally {
      client.release()
    }
  }

  const refused = {
    code: 'OPTION_INVALID',
    message: expect.stringMatching(/`tx` is a transaction in another database/),
  }
  const never = async () => expect.unreachable('it has run')

  it('a transaction in another database with the same tables is refused, and nothing stays there', async () => {
    const [ours, theirs] = [await shop(), await shop()]
    await ours.once('used before', () => {})
    await theirs.once.atomic('known', async () => 'theirs')
    await inTransaction(theirs, async (tx) => {
      await expect(ours.once.atomic('new', never, { tx })).rejects.toMatchObject(refused)
      await expect(ours.once.atomic('known', never, { tx })).rejects.toMatchObject(refused)
      await expect(outbox(ours.store).add(tx, { topic: 'orders', body: 1 })).rejects.toMatchObject(refused)
    })
    expect(await theirs.records()).toBe(1)
    expect(await theirs.store.outbox?.stats()).toMatchObject({ waiting: 0 })
    expect(await inTransaction(ours, (tx) => ours.once.atomic('new', async () => 'ours', { tx }))).toBe('ours')
  })

  it('tables that were made anew are those of the store', async () => {
    const ours = await shop()
    await ours.once('used before', () => {})
    await ours.pool.query('DROP SCHEMA onlyonce CASCADE')
    await postgresStore({ pool: ours.pool }).migrate()
    expect(await inTransaction(ours, (tx) => ours.once.atomic('new', async () => 'ours', { tx }))).toBe('ours')
  })
})
