// A payment written with postgres.js and its record commit in one transaction.
import { onlyonce } from 'onlyonce'
import { fromPostgresJs } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import postgres from 'postgres'

const url = process.env.DATABASE_URL ?? ''
const pool = new pg.Pool({ connectionString: url })
const store = postgresStore({ pool })
await store.migrate()
const once = onlyonce({ store, scope: 'payments' })
const sql = postgres(url)
await sql`CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)`

const pay = (id: string, pence: number) =>
  sql.begin((tx) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await tx`INSERT INTO payments VALUES (${id}, ${pence})`
        return { paid: pence }
      },
      { tx: fromPostgresJs(tx) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log([...(await sql`SELECT * FROM payments`)])
await store[Symbol.asyncDispose]()
await sql.end()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
