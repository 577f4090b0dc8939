import { type Example, first, type Kit, type Order, second } from './example.ts'

const INSERT = 'INSERT INTO orders (id, customer) VALUES (?, ?)'

/** The broker is no part of the transaction: one that is undone leaves its message behind, and publishes again. */
async function broken({ id, customer }: Order, kit: Kit) {
  const once = kit.once({ scope: 'orders' })
  await once.atomic(`order:${id}`, async (tx) => {
    tx.prepare(INSERT).run(id, customer)
    await kit.outside('publish', { topic: 'order-placed', id })
  })
}

/** The message is a row until the transaction has committed. */
async function repaired({ id, customer }: Order, kit: Kit) {
  const once = kit.once({ scope: 'orders' })
  await once.atomic(`order:${id}`, async (tx) => {
    tx.prepare(INSERT).run(id, customer)
    await kit.use.outbox.add(tx, { id: `order-placed:${id}`, topic: 'order-placed', body: { id } })
  })
}

export const publishInTransaction: Example<Order> = {
  tables: ['CREATE TABLE orders (id TEXT NOT NULL, customer TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
