// A message delivered twice takes effect once; a poison message is put aside and the others go on.
import { onlyonce } from 'onlyonce'
import { consume, embeddedQueue, Unprocessable } from 'onlyonce/embedded-queue'
import { sqliteStore } from 'onlyonce/sqlite'

const store = sqliteStore({ path: 'coupons.db' })
await store.transaction(async (tx) => tx.exec('CREATE TABLE coupons (customer TEXT NOT NULL) STRICT'))
const queue = embeddedQueue({ path: 'queue.db', subscriptions: { 'order-paid': ['coupons'] } })

const paid = (id: string, body: object) => ({ id, topic: 'order-paid', body: Buffer.from(JSON.stringify(body)) })
const ann = paid('m1', { customer: 'ann' })
await queue.publish([ann, ann, paid('m2', {}), paid('m3', { customer: 'bob' })])

const consumer = consume({
  once: onlyonce({ store, scope: 'shop' }),
  name: 'coupons',
  delivers: 'exactly-once-effect',
  queue,
  from: 'coupons',
  handle(message, tx) {
    const { customer } = message.json() as { customer?: string }
    if (customer === undefined) throw new Unprocessable('no customer')
    tx.prepare('INSERT INTO coupons VALUES (?)').run(customer)
  },
})
while ([...(await queue.stats()).values()].some(({ ready, out }) => ready + out > 0)) await new Promise(setImmediate)
await consumer.stop()

const rows = await store.transaction(async (tx) => tx.prepare('SELECT customer FROM coupons').all())
console.log(rows.map((row) => Object(row).customer).sort())
console.log((await queue.deadLetters('coupons')).map(({ id, reason }) => `${id}: ${reason}`))
await Promise.all([queue.close(), store[Symbol.asyncDispose]()])

// prints: [ 'ann', 'bob' ]
// prints: [ 'm2: no customer' ]
