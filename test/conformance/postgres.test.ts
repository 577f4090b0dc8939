import pg from 'pg'
import { describe, it } from 'vitest'
import type { PgTx } from '../../src/stores/postgres/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const endTransaction = async (tx: unknown) => void (await (tx as PgTx).query('COMMIT'))
/** What is told to a watcher takes a while on the way, whatever the store's clock says. */
const delivery = () => new Promise((resolve) => setTimeout(resolve, 20))

describeWith('postgres', (url) => {
  storeConformance(
    'postgres',
    {
      async open() {
        const database = await testDatabase(url)
        let store = database.store()
        return {
          store,
          endTransaction,
          async advance(ms) {
            await database.advance(ms)
            await delivery()
          },
          async reopen() {
            await store[Symbol.asyncDispose]()
            store = database.store()
            return store
          },
          close: () => database.close(),
        }
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
