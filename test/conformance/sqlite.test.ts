import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { describe, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { loadDriver, type SqliteDatabase } from '../../src/embedded/driver.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, storeConformance } from '../../src/testing/index.ts'
import { openSqlite } from '../support/opened.ts'

const endTransaction = async (tx: unknown) => void (tx as SqliteTx).exec('COMMIT')

storeConformance('sqlite', { open: openSqlite }, { describe, it })

const ownConnections: [name: string, open: (path: string) => Promise<SqliteDatabase>][] = [
  ['', async (path) => (await loadDriver())(path)],
  [
    ' that answers bigints',
    async (path) => {
      const database = new Libsql(path)
      database.defaultSafeIntegers(true)
      return database
    },
  ],
]

for (const [name, openDatabase] of ownConnections) {
  storeConformance(
    `sqlite, on a connection of the caller${name}`,
    {
      async open() {
        const runtime = fakeRuntime()
        const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
        const opened: { store: Store; database: SqliteDatabase }[] = []
        const open = async () => {
          const database = await openDatabase(join(directory, 'app.db'))
          database.exec('PRAGMA synchronous = OFF')
          const store = sqliteStore({ database, runtime })
          opened.push({ store, database })
          return store
        }
        return {
          store: await open(),
          advance: runtime.advance,
          endTransaction,
          another: open,
          async close() {
            for (const { store, database } of opened) {
              await store[Symbol.asyncDispose]()
              database.close()
            }
            rmSync(directory, { recursive: true })
          },
        }
      },
    },
    { describe, it },
  )
}
