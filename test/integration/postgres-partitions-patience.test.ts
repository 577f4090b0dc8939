import pg from 'pg'
import { beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { PgPool, PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const HOUR = 3_600_000
const partitions = { everyMs: HOUR, keep: 24 }

/** To begin or drop a partition a sweep waits for the transactions that are open, and claims wait behind it. */
describeWith('postgres', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
  })

  const parts = async () =>
    (await database.sql(`SELECT part FROM "${database.schema}".partitions ORDER BY part`)).map(({ part }) =>
      Number(part),
    )

  /** A store, and how long it was willing to wait each time. */
  function observed(options: Partial<PostgresStoreOptions> = {}) {
    const waits: number[] = []
    const pool: PgPool = {
      async connect() {
        const client = await database.pool.connect()
        return {
          async query(text: string | pg.QueryConfig, values?: unknown[]) {
            const told = typeof text === 'string' ? /lock_timeout = (\d+)/.exec(text) : null
            if (told !== null) waits.push(Number(told[1]))
            return client.query(text as string, values as unknown[])
          },
          release: (error?: Error | boolean) => client.release(error),
        }
      },
    }
    return { store: database.store({ pool, partitions, listen: false, ...options }), waits }
  }

  it.each([
    [5_000, [250, 500, 1_000, 2_000, 2_000, 2_000, 250]],
    [1_000, [250, 400, 400, 250]],
  ])(
    'a sweep that waited in vain waits for longer the next time, up to a bound (timeoutMs: %i)',
    async (timeoutMs, expected) => {
      const { store, waits } = observed({ timeoutMs })
      await store.migrate()
      const holder = tidily(new pg.Client({ connectionString: url }), (it) => it.end())
      await holder.connect()
      await holder.query('BEGIN')
      await store.within(holder).claim(request('held', { retentionMs: 20 * HOUR }))
      await database.advance(HOUR)
      for (let sweep = 0; sweep < expected.length - 2; sweep++) await store.sweep(10)
      expect(await parts()).toEqual([1])
      await holder.query('COMMIT')
      await store.sweep(10)
      expect(await parts()).toEqual([1, 2])
      await database.advance(HOUR)
      await store.sweep(10)
      expect(waits.slice(0, expected.length)).toEqual(expected)
    },
    30_000,
  )

  it('partitions begin and end under transactions that overlap for ever and last for longer than the first wait', async () => {
    const { store } = observed()
    await store.migrate()
    let isOver = false
    let claims = 0
    const once = onlyonce({ store, scope: 'test', retentionMs: 2 * HOUR })
    const worker = async (nth: number) => {
      await new Promise((done) => setTimeout(done, nth * 120))
      while (!isOver)
        await once.atomic(`key-${nth}-${claims++}`, async (tx) => void (await tx.query('SELECT pg_sleep(0.4)')))
    }
    const workers = [0, 1, 2, 3].map(worker)
    const sweepUntil = async (holds: (listed: number[]) => boolean) => {
      for (let sweep = 0; sweep < 12 && !holds(await parts()); sweep++) await store.sweep(10)
      return await parts()
    }
    await database.advance(HOUR)
    const begun = await sweepUntil((listed) => listed.includes(2))
    await database.advance(3 * HOUR)
    const isDropped = !(await sweepUntil((listed) => !listed.includes(1))).includes(1)
    isOver = true
    await Promise.all(workers)
    expect([begun, isDropped]).toEqual([[1, 2], true])
  }, 60_000)
})
