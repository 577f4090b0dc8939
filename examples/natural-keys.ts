// The row itself is the record: an order log that takes each change once, and a price list that keeps the newest version.
import { insertOnce, onlyIf, upsert } from 'onlyonce/sql'
import { sqliteStore } from 'onlyonce/sqlite'

const store = sqliteStore({ path: 'shop.db' })
await store.transaction(async (tx) => {
  tx.exec('CREATE TABLE order_log (order_id INTEGER, changed_at TEXT, state TEXT, PRIMARY KEY (order_id, changed_at))')
  tx.exec('CREATE TABLE prices (sku TEXT PRIMARY KEY, pence INTEGER, version INTEGER)')
})

const logged = (state: string) =>
  store.transaction((tx) =>
    insertOnce(tx, {
      table: 'order_log',
      row: { order_id: 1100, changed_at: '2026-11-21T08:00:00Z', state },
      key: ['order_id', 'changed_at'],
    }),
  )
console.log(await logged('paid'), await logged('paid'))
console.log(await logged('refunded').catch((error) => error.code))

const priced = (pence: number, version: number) =>
  store.transaction((tx) =>
    upsert(tx, { table: 'prices', row: { sku: 'mug', pence, version }, key: 'sku', newer: 'version' }),
  )
console.log(await priced(1200, 2), await priced(1000, 1))

const raised = () =>
  store.transaction((tx) =>
    onlyIf(tx, 'UPDATE prices SET pence = pence + 100, version = 3 WHERE sku = ? AND version = ?', ['mug', 2]),
  )
console.log(await raised(), await raised())
await store[Symbol.asyncDispose]()

// prints: inserted existed
// prints: KEY_REUSED
// prints: written stale
// prints: applied skipped
