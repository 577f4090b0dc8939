import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { PostgresStore, PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { beginWhenDue } from '../../src/stores/postgres/partitions.ts'
import { namesIn, type PartitionedNames, SERVER_CLOCK } from '../../src/stores/postgres/sql/names.ts'
import { createPostgresStore } from '../../src/stores/postgres/store.ts'

export interface TestDatabase {
  readonly pool: pg.Pool
  readonly schema: string
  /** The clock of its stores: an SQL expression for whole microseconds. */
  readonly clock: string
  /** A store in this schema, on this pool unless `options` say otherwise. */
  store(options?: Partial<PostgresStoreOptions>): PostgresStore
  /** Moves the clock of every store of this schema: no test sleeps through a lease. */
  advance(ms: number): Promise<void>
  /** Stops the clock at `micros`. */
  setClock(micros: number): Promise<void>
  /** Begins the next partition, for a store with partitions: new records go there. */
  beginPartition(): Promise<void>
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export const newSchema = (): string => `t_${randomBytes(6).toString('hex')}`

/** A separate schema on a shared server; its clock is the server's plus a number in a table. */
export async function testDatabase(url: string, pooling: pg.PoolConfig = {}): Promise<TestDatabase> {
  const schema = newSchema()
  const pool = new pg.Pool({ connectionString: url, max: 12, ...pooling })
  const control = new pg.Client({ connectionString: url })
  await control.connect()
  await control.query(`CREATE SCHEMA "${schema}"; CREATE TABLE "${schema}".test_clock (shift bigint, running bigint);
    INSERT INTO "${schema}".test_clock VALUES (0, 1)`)
  const clock = `(SELECT ${SERVER_CLOCK} * running + shift FROM "${schema}".test_clock)`
  const opened: PostgresStore[] = []
  return {
    pool,
    schema,
    clock,
    store(options = {}) {
      const source = 'client' in options ? {} : { pool }
      const store = createPostgresStore({ ...source, schema, ...options } as PostgresStoreOptions, clock)
      opened.push(store)
      return store
    },
    async advance(ms) {
      await control.query(`UPDATE "${schema}".test_clock SET shift = shift + $1`, [ms * 1000])
    },
    async setClock(micros) {
      await control.query(`UPDATE "${schema}".test_clock SET shift = $1, running = 0`, [micros])
    },
    async beginPartition() {
      const client = await pool.connect()
      await beginWhenDue(client, namesIn(schema, clock, true) as PartitionedNames, schema, -Infinity)
      client.release()
    },
    sql: async (text, values = []) => (await control.query(text, values)).rows,
    async close() {
      for (const store of opened) await store[Symbol.asyncDispose]()
      await pool.end()
      await control.query(`DROP SCHEMA "${schema}" CASCADE`)
      await control.end()
    },
  }
}
