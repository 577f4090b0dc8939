import pg from 'pg'
import { describe, it } from 'vitest'
import type { PgTx, PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { openPostgres, toldToWatchers } from '../support/opened.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const endTransaction = async (tx: unknown) => void (await (tx as PgTx).query('COMMIT'))
const suiteOn =
  (url: string) =>
  (name: string, options: Partial<PostgresStoreOptions> = {}, pooling: pg.PoolConfig = {}) =>
    storeConformance(name, { open: () => openPostgres(url, options, pooling) }, { describe, it })

describeWith('postgres', (url) => {
  const suite = suiteOn(url)
  suite('postgres')
  suite('postgres, on connections that pipeline', {}, { pipeline: true })
  suite('postgres, in partitions', { partitions: { everyMs: 3_600_000, keep: 100 } })

  storeConformance(
    'postgres, in partitions that end whenever time passes',
    {
      async open() {
        const database = await testDatabase(url)
        const store = database.store({ partitions: { everyMs: 3_600_000, keep: 100 } })
        await store.migrate()
        return {
          store,
          endTransaction,
          another: async () => database.store({ partitions: { everyMs: 3_600_000, keep: 100 } }),
          async advance(ms) {
            await database.beginPartition()
            await database.advance(ms)
            await toldToWatchers()
          },
          close: () => database.close(),
        }
      },
      skip: {
        'a sweep removes at most as many as it was told, and the next goes on':
          'a partition is dropped whole, and counts with all that it had',
      },
    },
    { describe, it },
  )

  storeConformance(
    'postgres, on one client and without prepared statements',
    {
      async open() {
        const database = await testDatabase(url)
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        return {
          store: database.store({ client, prepare: false }),
          advance: database.advance,
          endTransaction,
          another: async () => database.store(),
          async close() {
            await database.close()
            await client.end()
          },
        }
      },
    },
    { describe, it },
  )
})

describeWith('pgbouncer', (url) => {
  suiteOn(url)('postgres, behind a pooler in transaction mode', { prepare: false })
})
