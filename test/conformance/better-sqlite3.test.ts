import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SqliteDatabase } from '../../src/embedded/driver.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, storeConformance } from '../../src/testing/index.ts'
import { open as openQueue, tempFile } from '../queue-kit.ts'
import { later } from '../support/leftovers.ts'

// Its binary has to be compiled where it is installed, which takes a minute: no part of every run.
const folder = process.env.ONLYONCE_TEST_BETTER_SQLITE3 ?? ''

if (folder === '') {
  describe('sqlite, with better-sqlite3', () =>
    it.skip('(skipped: ONLYONCE_TEST_BETTER_SQLITE3 names no folder where it is installed)', () => {}))
} else {
  const Database = createRequire(join(folder, 'package.json'))('better-sqlite3') as new (path: string) => SqliteDatabase
  storeConformance(
    'sqlite, with better-sqlite3',
    {
      async open() {
        const runtime = fakeRuntime()
        const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
        const open = () => {
          const database = new Database(join(directory, 'operations.db'))
          database.exec('PRAGMA synchronous = OFF')
          return { database, store: sqliteStore({ database, runtime }) }
        }
        let current = open()
        const close = async () => {
          await current.store[Symbol.asyncDispose]()
          current.database.close()
        }
        return {
          store: current.store,
          advance: runtime.advance,
          endTransaction: async (tx: unknown) => void (tx as SqliteTx).exec('COMMIT'),
          async reopen() {
            await close()
            current = open()
            return current.store
          },
          async close() {
            await close()
            rmSync(directory, { recursive: true })
          },
        }
      },
    },
    { describe, it },
  )

  it('the embedded queue, with better-sqlite3: in order, put off, put aside and redriven', async () => {
    const database = new Database(tempFile())
    later(() => database.close())
    const { queue, runtime, add, take, ids } = openQueue({ path: undefined, database } as object)
    await add(['a1', 'a'], ['a2', 'a'], 'b')
    expect(await queue.hasDue('ledger')).toBe(true)
    const [first, second] = await take()
    expect([first?.id, second?.id]).toEqual(['a1', 'b'])
    expect(await queue.hasDue('ledger')).toBe(false)
    await queue.retry(second?.receipt ?? '', 1_000)
    await queue.deadLetter(first?.receipt ?? '', 'poison')
    expect(await queue.redrive('ledger')).toBe(1)
    expect(await ids()).toEqual(['a2'])
    await runtime.advance(1_001)
    expect(await ids()).toEqual(['a2', 'b'])
  })
}
