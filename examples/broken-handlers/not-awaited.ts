import { type Example, first, type Kit, type Order, second } from './example.ts'

const INSERT = 'INSERT INTO orders (id, customer) VALUES (?, ?) ON CONFLICT DO NOTHING'

/** The handler has returned before the row is written: a crash then loses the order, and so does an error. */
async function broken({ id, customer }: Order, kit: Kit) {
  void kit.sql(INSERT, id, customer)
}

async function repaired({ id, customer }: Order, kit: Kit) {
  await kit.sql(INSERT, id, customer)
}

export const notAwaited: Example<Order> = {
  tables: ['CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
