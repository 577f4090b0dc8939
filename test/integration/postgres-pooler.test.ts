import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'

/** As many as the pooler opens: whoever holds a transaction on each of them sees every session of the server. */
const SERVER_CONNECTIONS = 8

describeWith('pgbouncer', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())

  /** How many connections of the server listen for this schema. */
  async function listening(): Promise<number> {
    const pool = new pg.Pool({ connectionString: url, max: SERVER_CONNECTIONS })
    const clients = await Promise.all(Array.from({ length: SERVER_CONNECTIONS }, () => pool.connect()))
    await Promise.all(clients.map((client) => client.query('BEGIN')))
    const channels = 'SELECT FROM pg_listening_channels() c WHERE c = $1'
    const found = await Promise.all(clients.map((client) => client.query(channels, [`onlyonce_${database.schema}`])))
    for (const client of clients) client.release(true)
    await pool.end()
    return found.filter(({ rows }) => rows.length > 0).length
  }

  const waitOn = async (listen?: boolean) => {
    const pool = tidily(new pg.Pool({ connectionString: url, max: 2 }), (it) => it.end())
    const store = database.store({ pool, prepare: false, ...(listen === undefined ? {} : { listen }) })
    await store.migrate()
    let given = 0
    pool.on('release', () => given++)
    const stop = store.watch?.(operationId('test', 'key'), () => {})
    return { stop, given: () => given }
  }

  it('nobody who waits leaves a connection listening that is lent to others', async () => {
    const { stop, given } = await waitOn()
    await until('the connection that could not listen is given back', () => given() > 0, 10_000)
    stop?.()
    expect(await listening()).toBe(0)
    expect(await database.sql(`SELECT FROM "${database.schema}".waiters`)).toEqual([])
  })

  it('whoever says that the pooler keeps sessions listens', async () => {
    await waitOn(true)
    const waiters = () => database.sql(`SELECT FROM "${database.schema}".waiters`)
    await until('it is registered', async () => (await waiters()).length === 1, 10_000)
    expect(await listening()).toBe(1)
  })
})
