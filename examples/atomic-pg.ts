// A payment and its record commit in one transaction of yours: a connection of pg passes as it is.
import { onlyonce } from 'onlyonce'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const store = postgresStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })

async function pay(id: string, pence: number) {
  const tx = await pool.connect()
  try {
    await tx.query('BEGIN')
    const receipt = await once.atomic(
      `payment:${id}`,
      async () => {
        await tx.query('INSERT INTO payments VALUES ($1, $2)', [id, pence])
        return { paid: pence }
      },
      { tx },
    )
    await tx.query('COMMIT')
    return receipt
  } catch (error) {
    await tx.query('ROLLBACK')
    throw error
  } finally {
    tx.release()
  }
}

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
const { rows } = await pool.query('SELECT * FROM payments')
console.log(rows)
await store[Symbol.asyncDispose]()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
