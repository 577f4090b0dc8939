// A payment written with Drizzle and its record commit in one transaction.
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { onlyonce } from 'onlyonce'
import { fromDrizzle } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const store = postgresStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })
const db = drizzle(pool)
const payments = pgTable('payments', { id: text().primaryKey(), pence: integer().notNull() })

const pay = (id: string, pence: number) =>
  db.transaction((tx) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await tx.insert(payments).values({ id, pence })
        return { paid: pence }
      },
      { tx: fromDrizzle(tx, sql) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log(await db.select().from(payments))
await store[Symbol.asyncDispose]()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
