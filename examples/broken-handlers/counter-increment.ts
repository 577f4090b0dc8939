import { type Example, first, type Kit, type Order, second } from './example.ts'

const ADD = 'UPDATE customers SET points = points + ? WHERE name = ?'

/** Adds again at every delivery: nothing in the row says which orders it has counted. */
async function broken({ customer, pence }: Order, kit: Kit) {
  await kit.sql(ADD, Math.floor(pence / 100), customer)
}

/** The record says which orders were counted, and commits with the addition. */
async function repaired({ id, customer, pence }: Order, kit: Kit) {
  const once = kit.once({ scope: 'points' })
  await once.atomic(`order:${id}`, (tx) => {
    tx.prepare(ADD).run(Math.floor(pence / 100), customer)
  })
}

export const counterIncrement: Example<Order> = {
  tables: [
    'CREATE TABLE customers (name TEXT PRIMARY KEY, points INTEGER NOT NULL)',
    "INSERT INTO customers VALUES ('ann', 0), ('bob', 0)",
  ],
  message: first,
  other: second,
  broken,
  repaired,
}
