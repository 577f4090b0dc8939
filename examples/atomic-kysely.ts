// A payment written with Kysely and its record commit in one transaction.
import { Kysely, PostgresDialect } from 'kysely'
import { onlyonce } from 'onlyonce'
import { fromKysely } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const store = postgresStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })
const db = new Kysely<{ payments: { id: string; pence: number } }>({ dialect: new PostgresDialect({ pool }) })

const pay = (id: string, pence: number) =>
  db.transaction().execute((trx) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await trx.insertInto('payments').values({ id, pence }).execute()
        return { paid: pence }
      },
      { tx: fromKysely(trx) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log(await db.selectFrom('payments').selectAll().execute())
await store[Symbol.asyncDispose]()
await db.destroy()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
