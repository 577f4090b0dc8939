import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { PgTx } from 'onlyonce/postgres'
import { openStore } from 'onlyonce/stores'
import { type Service, TABLES } from '../shop/tables.ts'
import type { Books, Place, Shop, Value } from './place.ts'

/** Per worker: all workers together stay below a server's default limit. */
const CONNECTIONS = 6
const TRIES = 10
const RETRY_MS = 300

/** Records, business tables and outbox in a schema of this run. */
export const postgres: Place = {
  async makeRoom(given) {
    const schema = `demo_${randomBytes(6).toString('hex')}`
    const url = urlOf(given, schema)
    await using store = await open(url)
    await store.transaction(async (tx) => {
      for (const table of Object.values(TABLES)) await tx.query(table)
    })
    return { url, name: `PostgreSQL, in schema ${schema}`, remove: () => drop(url, schema) }
  },

  async open(url): Promise<Shop> {
    const store = await open(url)
    const books: Books<PgTx> = {
      store,
      write: async (tx, sql, values) => (await tx.query(numbered(sql), [...values])).rowCount ?? 0,
    }
    return {
      records: undefined,
      books: async () => books,
      read: <Row>(_: Service, sql: string, values: readonly Value[] = []) =>
        store.transaction(async (tx) => (await tx.query(numbered(sql), [...values])).rows as Row[]),
    }
  },
}

const open = (url: string) => openStore(url as `postgres://${string}`)

/** The search path makes tables without a schema those of ours, which the store creates when it first opens. */
function urlOf(given: string, schema: string): string {
  const url = new URL(given)
  const ours = { schema, migrate: 'auto', max: String(CONNECTIONS), options: `-c search_path=${schema}` }
  for (const [name, value] of Object.entries(ours)) url.searchParams.set(name, value)
  return url.href
}

/** Replaces `?` by `$1`, `$2`, …. No statement of the shop has a `?` inside a string. */
function numbered(sql: string): string {
  let number = 0
  return sql.replaceAll('?', () => `$${++number}`)
}

/** Retries, because the server may not have noticed yet that the last workers and their locks are gone. */
async function drop(url: string, schema: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    await using store = await open(url)
    try {
      return await store.transaction(async (tx) => void (await tx.query(`DROP SCHEMA ${schema} CASCADE`)))
    } catch (error) {
      if (tries === TRIES) throw error
      await pause(RETRY_MS)
    }
  }
}
