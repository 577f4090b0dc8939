// Stock and record commit in one transaction: a crash leaves both or neither, and a duplicate finds the record.
import { onlyonce } from 'onlyonce'
import { sqliteStore } from 'onlyonce/sqlite'

const store = sqliteStore({ path: 'shop.db' })
await store.transaction(async (tx) => {
  tx.exec('CREATE TABLE stock (sku TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount >= 0)) STRICT')
  tx.exec("INSERT INTO stock VALUES ('mug', 10)")
})

const once = onlyonce({ store, scope: 'shop' })
const reserve = (order: string, mugs: number) =>
  once.atomic(`order:${order}`, (tx) => {
    tx.prepare('UPDATE stock SET amount = amount - ? WHERE sku = ?').run(mugs, 'mug')
    return { reserved: mugs }
  })

console.log(await reserve('1', 3))
console.log(await reserve('1', 3))
// Too many: the transaction is undone, the record with it, and the caller gets the error.
console.log(await reserve('2', 100).catch(() => 'not enough'), await once.find('order:2'))

const left = await store.transaction(async (tx) => tx.prepare('SELECT amount FROM stock').get())
console.log(JSON.stringify(left))
await once.close()
await store[Symbol.asyncDispose]()

// prints: { reserved: 3 }
// prints: { reserved: 3 }
// prints: not enough undefined
// prints: {"amount":7}
