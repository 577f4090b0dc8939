import pg from 'pg'
import { afterEach, beforeEach } from 'vitest'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { createProxy } from '../support/proxy.ts'

export const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error) => (OnlyonceError.is(error) ? error.code : error),
  )

/** A schema of its own for each test, with a table that effects write to. */
export function effectsOn(url: string) {
  let database: TestDatabase
  const leftovers: (() => unknown)[] = []

  beforeEach(async () => {
    database = await testDatabase(url)
    await database.sql(`CREATE TABLE "${database.schema}".effects (key text)`)
  })
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).reverse()) await tidy()
    await database.close()
  })

  const effects = async () => (await database.sql(`SELECT key FROM "${database.schema}".effects`)).map(({ key }) => key)
  const insert = (key: string) => `INSERT INTO "${database.schema}".effects VALUES ('${key}')`

  /** A store whose connections go through a proxy that the test commands. */
  async function throughProxy(max: number, options: Partial<PostgresStoreOptions> = {}) {
    const proxy = await createProxy(Number(new URL(url).port))
    const through = new URL(url)
    through.port = String(proxy.port)
    const pool = new pg.Pool({ connectionString: through.href, max })
    const store = database.store({ pool, ...options })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await pool.end()
      await proxy.close()
    })
    await store.migrate()
    return { proxy, pool, store, once: onlyonce({ store, scope: 'test', leaseMs: 5_000 }) }
  }

  return { database: () => database, leftovers, effects, insert, throughProxy }
}
