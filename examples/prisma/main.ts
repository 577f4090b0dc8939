// A payment written with Prisma and its record commit in one transaction. Once: npm install, npm run generate.
import { PrismaPg } from '@prisma/adapter-pg'
import { onlyonce } from 'onlyonce'
import { fromPrisma } from 'onlyonce/executors'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import { PrismaClient } from './generated/index.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const store = postgresStore({ pool })
await store.migrate()
await pool.query('CREATE TABLE payments (id text PRIMARY KEY, pence integer NOT NULL)')
const once = onlyonce({ store, scope: 'payments' })
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) })

const pay = (id: string, pence: number) =>
  prisma.$transaction((tx) =>
    once.atomic(
      `payment:${id}`,
      async () => {
        await tx.payment.create({ data: { id, pence } })
        return { paid: pence }
      },
      { tx: fromPrisma(tx) },
    ),
  )

console.log(await pay('1100', 4200))
console.log(await pay('1100', 4200))
console.log(await prisma.payment.findMany())
await store[Symbol.asyncDispose]()
await prisma.$disconnect()
await pool.end()

// prints: { paid: 4200 }
// prints: { paid: 4200 }
// prints: [ { id: '1100', pence: 4200 } ]
