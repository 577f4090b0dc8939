import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { MysqlTx } from '../../src/stores/mysql/index.ts'
import type { PgTx, PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, type StoreUnderTest } from '../../src/testing/index.ts'
import * as mysql from './mysql.ts'
import * as postgres from './postgres.ts'
import { newPrefix } from './redis.ts'

// What `storeConformance` opens for each case, on every runtime: so nothing here knows vitest.

export async function openMemory(): Promise<StoreUnderTest> {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  return { store, advance: runtime.advance, close: () => store[Symbol.asyncDispose]() }
}

export async function openSqlite(): Promise<StoreUnderTest> {
  const runtime = fakeRuntime()
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
  const opened = overSameData(() =>
    sqliteStore({ path: join(directory, 'operations.db'), durability: 'normal', runtime }),
  )
  return {
    ...opened,
    advance: runtime.advance,
    endTransaction: async (tx) => void (tx as SqliteTx).exec('COMMIT'),
    async close() {
      await opened.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** The clock is the server's, so time is slept through: run many cases at once. */
export async function openRedis(client: RedisClient): Promise<StoreUnderTest> {
  const prefix = newPrefix()
  return { ...overSameData(() => redisStore({ client, prefix })), advance: async (ms) => void (await sleep(ms)) }
}

export async function openPostgres(
  url: string,
  options: Partial<PostgresStoreOptions> = {},
  pooling: pg.PoolConfig = {},
): Promise<StoreUnderTest> {
  const database = await postgres.testDatabase(url, pooling)
  return {
    ...overSameData(() => database.store(options)),
    endTransaction: async (tx) => void (await (tx as PgTx).query('COMMIT')),
    async advance(ms) {
      await database.advance(ms)
      await toldToWatchers()
    },
    close: () => database.close(),
  }
}

/** What is told to a watcher takes a while on the way, whatever the store's clock says. */
export const toldToWatchers = () => sleep(20)

export async function openMysql(url: string, pooling: Parameters<typeof mysql.testDatabase>[1] = {}) {
  const database = await mysql.testDatabase(url, pooling)
  return {
    ...overSameData(() => database.store()),
    endTransaction: async (tx) => void (await (tx as MysqlTx).query('COMMIT')),
    advance: database.advance,
    close: () => database.close(),
  } satisfies StoreUnderTest
}

function overSameData(open: () => Store) {
  let store = open()
  return {
    store,
    another: async () => open(),
    async reopen() {
      await store[Symbol.asyncDispose]()
      store = open()
      return store
    },
    close: () => store[Symbol.asyncDispose](),
  }
}
