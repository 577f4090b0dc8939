import { describe, it } from 'vitest'
import type { MysqlTx } from '../../src/stores/mysql/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { asOfMysql, testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'

const endTransaction = async (tx: unknown) => void (await (tx as MysqlTx).query('COMMIT'))

describeWith('mysql', (url) => {
  storeConformance(
    'mysql',
    {
      async open() {
        const database = await testDatabase(url)
        let store = database.store()
        return {
          store,
          endTransaction,
          advance: database.advance,
          another: async () => database.store(),
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
    'mysql, on a pool that counts only what changes and reads numbers as text',
    {
      async open() {
        const settings = { flags: ['-FOUND_ROWS'], supportBigNumbers: true, bigNumberStrings: true, charset: 'latin1' }
        const database = await testDatabase(url, settings)
        return {
          store: database.store(),
          endTransaction,
          advance: database.advance,
          another: async () => database.store(),
          close: () => database.close(),
        }
      },
    },
    { describe, it },
  )

  storeConformance(
    'mysql, on a server without compound statements',
    {
      async open() {
        const database = await testDatabase(url, { lend: asOfMysql })
        return {
          store: database.store(),
          endTransaction,
          advance: database.advance,
          another: async () => database.store(),
          close: () => database.close(),
        }
      },
    },
    { describe, it },
  )
})
