// The cases of executors with Bun's own client for PostgreSQL, for `bun test`, which takes what is imported of vitest for its own.
import { sql as template } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sql'
import { fromDrizzle, fromPostgresJs, type PostgresJsSql } from '../../src/executors/index.ts'
import { executorCases } from '../executors/cases.ts'
import { onPostgres } from '../executors/on-postgres.ts'

/** The part of Bun's client that is used here: the types of Bun cannot stand beside those of Node. */
interface Client extends PostgresJsSql {
  begin<T>(work: (tx: Client) => Promise<T>): Promise<T>
  end(): Promise<void>
}
const { SQL } = (globalThis as unknown as { Bun: { SQL: new (url: string) => Client } }).Bun

executorCases(onPostgres, async ({ url, place }) => {
  const sql = new SQL(url)
  return {
    transaction: (work) =>
      sql.begin((tx) =>
        work({
          executor: () => fromPostgresJs(tx),
          insert: async (key) => tx.unsafe(`INSERT INTO "${place}".effects VALUES ($1)`, [key]),
        }),
      ),
    close: () => sql.end(),
  }
})

executorCases(onPostgres, async ({ url, place }) => {
  const client = new SQL(url)
  const db = drizzle({ client: client as never })
  return {
    transaction: (work) =>
      db.transaction((tx) =>
        work({
          executor: () => fromDrizzle(tx, template),
          insert: async (key) =>
            tx.execute(template`INSERT INTO ${template.identifier(place)}.effects VALUES (${key})`),
        }),
      ),
    close: () => client.end(),
  }
})
