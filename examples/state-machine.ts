// An order moves by one conditional UPDATE: a late "paid" is absorbed, a refund of an unpaid order is refused.
import { sqliteStore } from 'onlyonce/sqlite'
import { stateMachine, toMermaid, transition } from 'onlyonce/state-machine'

const order = stateMachine({
  name: 'order',
  states: ['unpaid', 'paid', 'completed', 'refunded'],
  transitions: { unpaid: ['paid'], paid: ['completed', 'refunded'], completed: ['refunded'] },
})

const store = sqliteStore({ path: 'shop.db' })
await store.transaction(async (tx) => {
  tx.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT')
  tx.exec("INSERT INTO orders VALUES (1100, 'unpaid'), (1101, 'unpaid')")
})

const move = (id: number, to: 'paid' | 'completed' | 'refunded') =>
  store.transaction((tx) => transition(tx, { machine: order, table: 'orders', id, to }))

console.log(await move(1100, 'paid'), await move(1100, 'completed'))
console.log(await move(1100, 'paid'))
console.log(await move(1101, 'refunded').catch((error) => error.message))
console.log(toMermaid(order).split('\n')[0])
await store[Symbol.asyncDispose]()

// prints: moved moved
// prints: already
// prints: order 1101 in orders is "unpaid" and cannot become "refunded": from "unpaid" it may become "paid"; nothing was changed
// prints: stateDiagram-v2
