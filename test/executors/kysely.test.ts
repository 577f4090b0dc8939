import { CamelCasePlugin, Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import { describe } from 'vitest'
import { fromKysely, fromKyselyMysql } from '../../src/executors/index.ts'
import { executorCases } from './cases.ts'
import { onMysql } from './on-mysql.ts'
import { onPostgres } from './on-postgres.ts'

interface Tables {
  readonly effects: { readonly key: string }
}

// Renames every column that it sees: ours must not be among them.
const plugins = [new CamelCasePlugin()]

describe('kysely', () => {
  executorCases(onPostgres, async ({ url, place }) => {
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) })
    const db = new Kysely<Tables>({ dialect, plugins })
    return {
      transaction: (work) =>
        db.transaction().execute((trx) =>
          work({
            executor: () => fromKysely(trx),
            insert: (key) => trx.withSchema(place).insertInto('effects').values({ key }).execute(),
          }),
        ),
      close: () => db.destroy(),
    }
  })

  executorCases(onMysql, async ({ url }) => {
    const dialect = new MysqlDialect({ pool: mysql.createPool({ uri: url }) })
    const db = new Kysely<Tables>({ dialect, plugins })
    return {
      transaction: (work) =>
        db.transaction().execute((trx) =>
          work({
            executor: () => fromKyselyMysql(trx),
            insert: (key) => trx.insertInto('effects').values({ key }).execute(),
          }),
        ),
      close: () => db.destroy(),
    }
  })
})
