// A message commits with the row it tells of, and is published afterwards, in order for each ordering key.
import { onlyonce } from 'onlyonce'
import { outbox, type Publisher, relay } from 'onlyonce/outbox'
import { sqliteStore } from 'onlyonce/sqlite'

const store = sqliteStore({ path: 'orders.db' })
await store.transaction(async (tx) => tx.exec('CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT'))
const once = onlyonce({ store, scope: 'orders' })
const messages = outbox(store)

const place = (id: string, card: 'good' | 'bad') =>
  once.atomic(`order:${id}`, async (tx, op) => {
    tx.prepare('INSERT INTO orders VALUES (?)').run(id)
    await messages.add(tx, { id: op.child('placed'), topic: 'order-placed', body: { id }, orderingKey: id })
    if (card === 'bad') throw new Error('card refused')
  })

await place('1', 'good')
await place('1', 'good')
await place('2', 'bad').catch((error: Error) => console.log(error.message))

const publish: Publisher = async (batch) =>
  batch.map(({ topic, body }) => {
    console.log(topic, Buffer.from(body).toString())
    return { ok: true }
  })
const relaying = relay({ store, publish })
relaying.start()
console.log('drained', await relaying.drained())
await relaying.stop()
await store[Symbol.asyncDispose]()

// prints: card refused
// prints: order-placed {"id":"1"}
// prints: drained true
