import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClaimOutcome } from '../../src/core/store.ts'
import { loadDriver, type SqliteDatabase } from '../../src/embedded/driver.ts'
import { type SqliteStore, type SqliteStoreOptions, type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { later } from '../support/leftovers.ts'

export function tempFile(name = 'operations.db'): string {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
  later(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, name)
}

/** A connection beside the store's: another process, as far as SQLite can tell. */
export async function rawDatabase(path: string): Promise<SqliteDatabase> {
  const db = (await loadDriver())(path)
  db.exec('PRAGMA busy_timeout = 0')
  later(() => {
    try {
      db.close()
    } catch {}
  })
  return db
}

export function storeOn(path: string, options: Omit<SqliteStoreOptions, 'path' | 'database'> = {}): SqliteStore {
  const store = sqliteStore({ path, durability: 'normal', ...options })
  later(() => store[Symbol.asyncDispose]())
  return store
}

export function granted(outcome: ClaimOutcome | undefined): Extract<ClaimOutcome, { kind: 'granted' }> {
  if (outcome?.kind !== 'granted') throw new Error(`expected a grant, got ${JSON.stringify(outcome)}`)
  return outcome
}

export function all(db: SqliteDatabase, sql: string, ...params: (string | number)[]): Record<string, unknown>[] {
  return db.prepare(sql).all(...params) as Record<string, unknown>[]
}

export const value = (text: string) => ({ kind: 'value', body: new Uint8Array(Buffer.from(text)) }) as const

/** A store beside a table of effects that transactions write to. */
export async function withEffects(): Promise<{
  path: string
  store: SqliteStore
  effects: () => number
  db: SqliteDatabase
}> {
  const path = tempFile()
  const store = storeOn(path)
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (key TEXT PRIMARY KEY, body BLOB)'))
  const db = await rawDatabase(path)
  return { path, store, db, effects: () => Number(all(db, 'SELECT count(*) AS n FROM effects')[0]?.n) }
}

export const insert = (tx: SqliteTx, key = 'k') => tx.prepare('INSERT INTO effects (key) VALUES (?)').run(key)
