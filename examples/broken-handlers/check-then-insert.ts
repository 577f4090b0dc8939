import { type Example, first, type Kit, type Order, second } from './example.ts'

/** Two deliveries at the same time both find nothing, and both insert. */
async function broken(order: Order, kit: Kit) {
  const found = await kit.sql('SELECT 1 FROM coupons WHERE order_id = ?', order.id)
  if (found.length > 0) return
  await kit.sql('INSERT INTO coupons (order_id, customer) VALUES (?, ?)', order.id, order.customer)
}

/** The record is claimed in the transaction of the insert, and of two claims one is granted. */
async function repaired(order: Order, kit: Kit) {
  const once = kit.once({ scope: 'coupons' })
  await once.atomic(`order:${order.id}`, (tx) => {
    tx.prepare('INSERT INTO coupons (order_id, customer) VALUES (?, ?)').run(order.id, order.customer)
  })
}

export const checkThenInsert: Example<Order> = {
  tables: ['CREATE TABLE coupons (order_id TEXT NOT NULL, customer TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
