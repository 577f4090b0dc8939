import { type Example, first, type Kit, type Order, second } from './example.ts'

const INSERT = 'INSERT INTO orders (id, customer) VALUES (?, ?) ON CONFLICT DO NOTHING'

/** The broker forgets the message before the row is there: a crash in between loses the order. */
async function broken({ id, customer }: Order, kit: Kit) {
  await kit.ack()
  await kit.sql(INSERT, id, customer)
}

/** First durable, then acknowledged. A crash in between brings the message again, and the primary key absorbs it. */
async function repaired({ id, customer }: Order, kit: Kit) {
  await kit.sql(INSERT, id, customer)
  await kit.ack()
}

export const ackBeforeCommit: Example<Order> = {
  tables: ['CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
