import { type Example, first, type Kit, type Order, second } from './example.ts'

const ORDER = 'INSERT INTO orders (id, customer) VALUES (?, ?)'
const STOCK = "UPDATE stock SET amount = amount - 1 WHERE sku = 'mug'"

/** A crash between the two: the order is there, so the next delivery leaves, and no mug is ever taken from the stock. */
async function broken({ id, customer }: Order, kit: Kit) {
  const known = await kit.sql('SELECT 1 FROM orders WHERE id = ?', id)
  if (known.length > 0) return
  await kit.sql(ORDER, id, customer)
  await kit.sql(STOCK)
}

/** Order, stock and record commit together. */
async function repaired({ id, customer }: Order, kit: Kit) {
  const once = kit.once({ scope: 'orders' })
  await once.atomic(`order:${id}`, (tx) => {
    tx.prepare(ORDER).run(id, customer)
    tx.prepare(STOCK).run()
  })
}

export const twoWrites: Example<Order> = {
  tables: [
    'CREATE TABLE orders (id TEXT NOT NULL, customer TEXT NOT NULL)',
    'CREATE TABLE stock (sku TEXT PRIMARY KEY, amount INTEGER NOT NULL)',
    "INSERT INTO stock VALUES ('mug', 10)",
  ],
  message: first,
  other: second,
  broken,
  repaired,
}
