import { sql } from 'drizzle-orm'
import { mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle as drizzleOnMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres'
import { pgSchema, text } from 'drizzle-orm/pg-core'
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js'
import mysql from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { describe } from 'vitest'
import { fromDrizzle, fromDrizzleMysql } from '../../src/executors/index.ts'
import { executorCases } from './cases.ts'
import { onMysql } from './on-mysql.ts'
import { onPostgres } from './on-postgres.ts'

const effectsIn = (schema: string) => pgSchema(schema).table('effects', { key: text().primaryKey() })

describe('drizzle on pg', () => {
  executorCases(onPostgres, async ({ url, place }) => {
    const effects = effectsIn(place)
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzleOnPg(pool)
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work({ executor: () => fromDrizzle(tx, sql), insert: async (key) => tx.insert(effects).values({ key }) }),
        ),
      outside: () => fromDrizzle(db, sql),
      close: () => pool.end(),
    }
  })
})

describe('drizzle on postgres.js', () => {
  executorCases(
    onPostgres,
    async ({ url, place }) => {
      const effects = effectsIn(place)
      const client = postgres(url, { onnotice: () => {} })
      const db = drizzleOnPostgresJs(client)
      return {
        transaction: (work) =>
          db.transaction((tx) =>
            work({ executor: () => fromDrizzle(tx, sql), insert: async (key) => tx.insert(effects).values({ key }) }),
          ),
        outside: () => fromDrizzle(db, sql),
        close: () => client.end(),
      }
    },
    { failedStatementIsFatal: true },
  )
})

describe('drizzle on mysql2', () => {
  executorCases(onMysql, async ({ url }) => {
    const effects = mysqlTable('effects', { key: varchar({ length: 100 }).primaryKey() })
    const pool = mysql.createPool({ uri: url })
    const db = drizzleOnMysql2(pool)
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work({
            executor: () => fromDrizzleMysql(tx, sql),
            insert: async (key) => tx.insert(effects).values({ key }),
          }),
        ),
      outside: () => fromDrizzleMysql(db, sql),
      close: () => pool.end(),
    }
  })
})
