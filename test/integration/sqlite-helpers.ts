import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import type { ClaimOutcome, ClaimRequest } from '../../src/core/store.ts'
import { loadDriver, type SqliteDatabase } from '../../src/embedded/driver.ts'
import { type SqliteStore, type SqliteStoreOptions, sqliteStore } from '../../src/stores/sqlite/index.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

export function tempFile(name = 'operations.db'): string {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
  leftovers.push(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, name)
}

/** A connection beside the store's: another process, as far as SQLite can tell. */
export async function rawDatabase(path: string): Promise<SqliteDatabase> {
  const db = (await loadDriver())(path)
  db.exec('PRAGMA busy_timeout = 0')
  leftovers.push(() => {
    try {
      db.close()
    } catch {}
  })
  return db
}

export function storeOn(path: string, options: Omit<SqliteStoreOptions, 'path' | 'database'> = {}): SqliteStore {
  const store = sqliteStore({ path, durability: 'normal', ...options })
  leftovers.push(() => store[Symbol.asyncDispose]())
  return store
}

let owners = 0

export function request(key: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const named = { id: operationId('test', key), scope: 'test', key, fingerprint: 'v1:one' }
  return { ...named, owner: `owner-${++owners}`, leaseMs: 60_000, retentionMs: 60_000, ...change }
}

export function granted(outcome: ClaimOutcome | undefined): Extract<ClaimOutcome, { kind: 'granted' }> {
  if (outcome?.kind !== 'granted') throw new Error(`expected a grant, got ${JSON.stringify(outcome)}`)
  return outcome
}

export function all(db: SqliteDatabase, sql: string, ...params: (string | number)[]): Record<string, unknown>[] {
  return db.prepare(sql).all(...params) as Record<string, unknown>[]
}

export const value = (text: string) => ({ kind: 'value', body: new Uint8Array(Buffer.from(text)) }) as const

export const sleepMs = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
