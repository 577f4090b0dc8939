import { join } from 'node:path'
import { type SqliteTx, sqliteStore } from '../../../src/stores/sqlite/index.ts'
import type { Ledger, LedgerRow } from '../../../src/testing/index.ts'

const CREATE = `CREATE TABLE IF NOT EXISTS effects
  (consumer TEXT, id BLOB, part INTEGER, fence INTEGER, output TEXT)`

/** Records and effects in one SQLite file, for any number of processes. */
export async function sqliteLedger(directory: string): Promise<Ledger<SqliteTx>> {
  const store = sqliteStore({ path: join(directory, 'ledger.db'), durability: 'normal', busyTimeoutMs: 20_000 })
  await store.transaction(async (tx) => tx.exec(CREATE))
  return {
    store,
    async write(tx, { consumer, id, part, fence, output }) {
      // As bytes: SQLite's text ends at the first NUL.
      tx.prepare('INSERT INTO effects VALUES (?, ?, ?, ?, ?)').run(consumer, Buffer.from(id), part, fence, output)
    },
    async read(tx) {
      const rows = tx.prepare('SELECT * FROM effects ORDER BY rowid').all() as (LedgerRow & { id: unknown })[]
      return rows.map((row) => ({
        ...row,
        id: Buffer.from(row.id as unknown as Uint8Array).toString(),
        part: Number(row.part),
        fence: Number(row.fence),
      }))
    },
    close: () => Promise.resolve(store[Symbol.asyncDispose]()),
  }
}
