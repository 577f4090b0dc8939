import { onlyonce } from '../../src/index.ts'
import { type SqliteStore, type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'

/** The store of a ledger, which several processes open. */
export const storeAt = (path: string) => sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })

/** An engine whose leases run out soon after its process was killed. */
export const engineOn = (store: SqliteStore, more: { readonly retentionMs?: number } = {}) =>
  onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000, ...more })

export const record = (id: string, tx: SqliteTx) => tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
