import { type Example, first, type Kit, type Order, second } from './example.ts'

function write({ id, customer }: Order, kit: Kit) {
  return kit.once({ scope: 'orders' }).atomic(`order:${id}`, (tx) => {
    tx.prepare('INSERT INTO orders (id, customer) VALUES (?, ?)').run(id, customer)
  })
}

/** The handler returns as if all were well, so the broker forgets a message that had no effect. */
async function broken(order: Order, kit: Kit) {
  const problems: unknown[] = []
  try {
    await write(order, kit)
  } catch (error) {
    problems.push(error)
  }
}

/** What cannot be mended here goes to the broker, which delivers again. */
async function repaired(order: Order, kit: Kit) {
  await write(order, kit)
}

export const swallowedError: Example<Order> = {
  tables: ['CREATE TABLE orders (id TEXT NOT NULL, customer TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
