import { type SqliteTx, sqliteStore } from 'onlyonce/sqlite'
import { readRows } from '../shop/database.ts'
import { type Service, TABLES } from '../shop/tables.ts'
import { serviceDb } from '../system/files.ts'
import type { Books, Place, Shop } from './place.ts'

/** A file for each service, with its tables and records, and for orders the outbox. */
export const sqlite: Place = {
  makeRoom: async (url) => ({ url, remove: async () => {} }),
  open: async (_, dir) => shopInFiles(dir),
}

export function shopInFiles(dir: string): Shop {
  return {
    records: undefined,
    async books(service): Promise<Books<SqliteTx>> {
      // See `openDatabase` for why NORMAL is enough here.
      const store = sqliteStore({ path: serviceDb(dir, service), durability: 'normal', migrate: 'auto' })
      await store.transaction(async (tx) => tx.exec(TABLES[service]))
      return { store, write: async (tx, sql, values) => Number(tx.prepare(sql).run(...values).changes) }
    },
    read: <Row>(service: Service, sql: string, values = []) => readRows<Row>(serviceDb(dir, service), sql, ...values),
  }
}
