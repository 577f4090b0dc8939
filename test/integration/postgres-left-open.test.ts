import pg from 'pg'
import { beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

/** Connections that somebody else gave back to the pool as he should not have. */
describeWith('postgres', (url) => {
  let database: TestDatabase
  let table: string
  beforeEach(async () => {
    database = tidily(await testDatabase(url), (it) => it.close())
    table = `"${database.schema}".effects`
    await database.sql(`CREATE TABLE ${table} (name text)`)
    await database.store().migrate()
  })

  const insert = (name: string) => `INSERT INTO ${table} VALUES ('${name}')`
  const effects = async () => (await database.sql(`SELECT name FROM ${table}`)).map(({ name }) => name)
  const seen = async () => (await onlyonce({ store: database.store(), scope: 'test' }).find('key'))?.state

  /** The pool's free connections are lent last in, first out. */
  async function withLeft(how: 'open' | 'failed', version: string) {
    const pool = tidily(new pg.Pool({ connectionString: url, max: 2 }), (it) => it.end())
    const isOld = version === 'older pg'
    if (isOld) pool.on('connect', (client) => void Object.assign(client, { getTransactionStatus: undefined }))
    const store = database.store({ pool })
    later(() => store[Symbol.asyncDispose]())
    const once = onlyonce({ store, scope: 'test' })
    await once('warm', () => {})
    const connection = await pool.connect()
    await connection.query('BEGIN')
    await connection.query(insert('of somebody else'))
    if (how === 'failed') await connection.query('SELECT 1 / 0').catch(() => {})
    connection.release()
    return { pool, store, once }
  }

  const cases = (['open', 'failed'] as const).flatMap((how) =>
    ['pg', 'older pg'].map((version) => [how, version] as const),
  )

  it.each(cases)(
    'a claim on a connection with a transaction left %s counts for everybody (%s)',
    async (how, version) => {
      const { once } = await withLeft(how, version)
      expect(
        await once('key', async () => {
          expect(await seen()).toBe('running')
          return 'done'
        }),
      ).toBe('done')
      expect([await seen(), await effects()]).toEqual(['done', []])
    },
  )

  it.each(cases)('a transaction after one left %s commits nothing of somebody else (%s)', async (how, version) => {
    const { once } = await withLeft(how, version)
    expect(await once.atomic('key', (tx) => tx.query(insert('mine')).then(() => 'done'))).toBe('done')
    expect([await seen(), await effects()]).toEqual(['done', ['mine']])
  })

  it('a COMMIT that is under way when the connection is given back is not undone', async () => {
    const { pool, once } = await withLeft('open', 'pg')
    const connection = await pool.connect()
    void connection.query('COMMIT')
    connection.release()
    expect(await once('key', () => 'done')).toBe('done')
    expect([await seen(), await effects()]).toEqual(['done', ['of somebody else']])
  })

  it('a connection that does not answer to ROLLBACK is not kept', async () => {
    const { pool } = await withLeft('open', 'pg')
    const held: pg.PoolClient[] = []
    pool.on('remove', (client) => held.push(client as pg.PoolClient))
    const connection = await pool.connect()
    const { query } = connection
    Object.assign(connection, {
      query: (text: string) => (text === 'ROLLBACK' ? new Promise(() => {}) : Reflect.apply(query, connection, [text])),
    })
    connection.release()
    const once = onlyonce({ store: database.store({ pool, timeoutMs: 200 }), scope: 'test', storeTimeoutMs: 2_000 })
    expect(await once('key', () => 'done')).toBe('done')
    expect(held).toEqual([connection])
  })
})
