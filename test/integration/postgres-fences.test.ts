import pg from 'pg'
import { expect, it } from 'vitest'
import { type Once, onlyonce } from '../../src/index.ts'
import type { PgTx, PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { createPostgresStore } from '../../src/stores/postgres/store.ts'
import { later } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const GATE = 4711

describeWith('postgres', (url) => {
  /** A store whose claims wait at a gate after they have read the clock, before they write. */
  async function gated(options: Partial<PostgresStoreOptions>) {
    const database = await testDatabase(url)
    later(() => database.close())
    const passed = `(SELECT count(*) FROM (SELECT pg_advisory_lock_shared(${GATE}), pg_advisory_unlock_shared(${GATE})) gate)`
    const pool = new pg.Pool({ connectionString: url, max: 4 })
    later(() => pool.end())
    const slow = createPostgresStore(
      { pool, schema: database.schema, listen: false, ...options } as PostgresStoreOptions,
      `(SELECT read.now + 0 * ${passed} FROM (SELECT ${database.clock} AS now OFFSET 0) read)`,
    )
    later(() => slow[Symbol.asyncDispose]())
    const store = database.store({ listen: false, ...options })
    await store.migrate()
    await slow.find([])
    const keeper = new pg.Client({ connectionString: url })
    await keeper.connect()
    later(() => keeper.end())
    return {
      database,
      store,
      slow: onlyonce({ store: slow, scope: 'test' }),
      async close() {
        await keeper.query('SELECT pg_advisory_lock($1)', [GATE])
      },
      async open() {
        await keeper.query('SELECT pg_advisory_unlock($1)', [GATE])
      },
      async waiting() {
        const sql = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
        while ((await keeper.query(sql, [GATE])).rowCount === 0) await new Promise(setImmediate)
      },
    }
  }

  const ways = {
    'a leased call': (once: Once<PgTx>) => once('key', (op) => op.fence),
    'an atomic call': (once: Once<PgTx>) => once.atomic('key', (_, op) => op.fence),
    'an atomic batch': async (once: Once<PgTx>) => {
      let fence = 0
      await once.atomic.batch(['key', 'other'], async (_, [op]) => {
        fence = op?.fence ?? 0
      })
      return fence
    },
  }
  const tables = { 'in one table': {}, 'in partitions': { partitions: { everyMs: 3_600_000, keep: 100 } } }

  for (const [where, options] of Object.entries(tables)) {
    it.each(Object.entries(ways))(
      `%s that was slow gets a larger fence than one forgotten meanwhile, ${where}`,
      async (_, call) => {
        const { store, slow, close, open, waiting } = await gated(options)
        await close()
        const late = call(slow)
        await waiting()
        const quick = onlyonce({ store, scope: 'test' })
        const fence = await quick('key', (op) => op.fence)
        expect(await quick.forget('key')).toBe(true)
        await open()
        expect(await late).toBeGreaterThan(fence)
      },
    )
  }
})
