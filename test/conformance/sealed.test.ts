import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sealedStore } from '../../src/stores/sealed/index.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, storeConformance } from '../../src/testing/index.ts'

const keys = [{ id: 'k1', secret: randomBytes(32) }]

storeConformance(
  'memory, sealed',
  {
    async open() {
      const runtime = fakeRuntime()
      const store = sealedStore(memoryStore({ runtime }), { keys })
      return { store, advance: runtime.advance, close: () => store[Symbol.asyncDispose]() }
    },
  },
  { describe, it },
)

storeConformance(
  'sqlite, sealed',
  {
    async open() {
      const runtime = fakeRuntime()
      const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
      const path = join(directory, 'operations.db')
      const open = () => sealedStore(sqliteStore({ path, durability: 'normal', runtime }), { keys })
      let store = open()
      return {
        store,
        advance: runtime.advance,
        endTransaction: async (tx: unknown) => void (tx as SqliteTx).exec('COMMIT'),
        another: async () => open(),
        async reopen() {
          await store[Symbol.asyncDispose]()
          store = open()
          return store
        },
        async close() {
          await store[Symbol.asyncDispose]()
          rmSync(directory, { recursive: true })
        },
      }
    },
  },
  { describe, it },
)
