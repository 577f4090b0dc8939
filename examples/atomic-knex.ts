// A payment written with Knex and its record commit in one transaction.
import knex from 'knex'
import { onlyonce } from 'onlyonce'
import { fromKnex } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'

const connectionString = process.env.DATABASE_URL ?? ''
const pool = new pg.Pool({ connectionString })
const store = postgresStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })
const db = knex({ client: 'pg', connection: connectionString })

const pay = (id: string, pence: number) =>
  db.transaction((trx) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await trx('payments').insert({ id, pence })
        return { paid: pence }
      },
      { tx: fromKnex(trx) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log(await db('payments'))
await store[Symbol.asyncDispose]()
await db.destroy()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
