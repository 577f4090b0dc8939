// A payment written with TypeORM and its record commit in one transaction.
import { onlyonce } from 'onlyonce'
import { fromTypeOrm } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import { DataSource, EntitySchema } from 'typeorm'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const store = postgresStore({ pool })
await store.migrate()
const once = onlyonce({ store, scope: 'payments' })

const payments = new EntitySchema<{ id: string; pence: number }>({
  name: 'payments',
  columns: { id: { type: 'text', primary: true }, pence: { type: 'integer' } },
})
const url = process.env.DATABASE_URL ?? ''
const source = await new DataSource({ type: 'postgres', url, entities: [payments], synchronize: true }).initialize()

const pay = (id: string, pence: number) =>
  source.transaction((manager) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await manager.insert(payments, { id, pence })
        return { paid: pence }
      },
      { tx: fromTypeOrm(manager) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log(await source.manager.find(payments))
await store[Symbol.asyncDispose]()
await source.destroy()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
