import { describe, it } from 'vitest'
import type { MysqlTx } from '../../src/stores/mysql/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { asOfMysql, type TestDatabase, testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'

const endTransaction = async (tx: unknown) => void (await (tx as MysqlTx).query('COMMIT'))

const under = (database: TestDatabase) => ({
  store: database.store(),
  endTransaction,
  advance: database.advance,
  another: async () => database.store(),
  close: () => database.close(),
})

describeWith('mysql', (url) => {
  storeConformance(
    'mysql',
    {
      async open() {
        const database = await testDatabase(url)
        const opened = under(database)
        return {
          ...opened,
          async reopen() {
            await opened.store[Symbol.asyncDispose]()
            return database.store()
          },
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
        return under(database)
      },
    },
    { describe, it },
  )

  storeConformance(
    'mysql, on a server without compound statements',
    {
      async open() {
        const database = await testDatabase(url, { lend: asOfMysql })
        return under(database)
      },
    },
    { describe, it },
  )
})
