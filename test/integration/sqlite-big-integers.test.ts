import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { onlyIf } from '../../src/guards/sql.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const hasNodeSqlite = createRequire(import.meta.url)('node:module').isBuiltin('node:sqlite')
const BIG = 1234567890123456789n

it.skipIf(!hasNodeSqlite)(
  'a write that answers a number beyond all of JavaScript happens once (needs node:sqlite)',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'onlyonce-big-'))
    const store = sqliteStore({ path: join(dir, 'big.db'), durability: 'normal' })
    try {
      await store.transaction(async (tx) => {
        tx.exec('CREATE TABLE b (id INTEGER PRIMARY KEY, n INT)')
        tx.prepare('INSERT INTO b VALUES (?, 1)').run(BIG)
        expect(tx.prepare('UPDATE b SET n = n + 1 RETURNING id, n').all()).toEqual([{ id: BIG, n: 2 }])
        expect(await onlyIf(tx, 'UPDATE b SET n = n + 1 WHERE n = ? RETURNING id', [2])).toBe('applied')
        expect(tx.prepare('SELECT id, n FROM b').get()).toEqual({ id: BIG, n: 3 })
      })
    } finally {
      await store[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
