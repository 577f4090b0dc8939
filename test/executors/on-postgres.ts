import { expect } from 'vitest'
import type { SqlExecutor } from '../../src/executors/index.ts'
import { testDatabase } from '../support/postgres.ts'
import type { Server } from './server.ts'

const BLOCKED = `SELECT 1 FROM pg_locks WHERE NOT granted
  AND pid IN (SELECT pid FROM pg_locks WHERE relation = $1::regclass)`

export const onPostgres: Server<SqlExecutor> = {
  kind: 'postgres',
  driver: 'pg',
  duplicateCode: '23505',
  async world(url) {
    const database = await testDatabase(url)
    const { schema, sql } = database
    await sql(`CREATE TABLE "${schema}".effects (key text PRIMARY KEY)`)
    return {
      url,
      place: schema,
      store: database.store(),
      impatient: async () => database.store({ lockWaitMs: 100 }),
      keys: async () => (await sql(`SELECT key FROM "${schema}".effects`)).map(({ key }) => String(key)),
      blocked: async () => (await sql(BLOCKED, [`"${schema}".operations`])).length > 0,
      close: () => database.close(),
    }
  },
  insert: (tx, place, key) => tx.query(`INSERT INTO "${place}".effects VALUES ($1)`, [key]),
  async asksAsItsDriver(tx, place, snakeCase) {
    const text = `SELECT $2::text AS "two", $1::text || '$1?' || $1::text AS "one", '{"a": 1}'::jsonb ? $3::text AS has -- $4?`
    expect((await tx.query(text, ['a', 'b', 'a'])).rows).toEqual([{ two: 'b', one: 'a$1?a', has: true }])
    expect((await tx.query('SELECT 1 AS snake_case')).rows).toEqual([{ [snakeCase]: 1 }])
    expect((await tx.query(`SELECT key FROM "${place}".effects WHERE key = 'x?'`)).rows).toEqual([])
  },
}
