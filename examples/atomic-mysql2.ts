// A payment and its record commit in one transaction of yours: a connection of mysql2 passes as it is.
import mysql from 'mysql2/promise'
import { onlyonce } from 'onlyonce'
import { mysqlStore } from 'onlyonce/mysql'

const pool = mysql.createPool({ uri: process.env.DATABASE_URL ?? '' })
const store = mysqlStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id VARCHAR(64) PRIMARY KEY, pence INT NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })

async function pay(id: string, pence: number) {
  const tx = await pool.getConnection()
  try {
    await tx.beginTransaction()
    const receipt = await once.atomic(
      `payment:${id}`,
      async () => {
        await tx.execute('INSERT INTO payments VALUES (?, ?)', [id, pence])
        return { paid: pence }
      },
      { tx },
    )
    await tx.commit()
    return receipt
  } catch (error) {
    await tx.rollback()
    throw error
  } finally {
    tx.release()
  }
}

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
const [rows] = await pool.query('SELECT * FROM payments')
console.log(rows)
await store[Symbol.asyncDispose]()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
