import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

/** No server is asked: what is given cannot be a transaction. */
const unreached = async (): Promise<never> => {
  throw new Error('a server was asked')
}
const stores = [
  ['postgres', () => postgresStore({ pool: { connect: unreached } }), 'a client of pg with', 'query'],
  [
    'mysql',
    () => mysqlStore({ pool: { getConnection: unreached }, database: 'shop' }),
    "'mysql2/promise' with",
    'query',
  ],
  ['sqlite', () => sqliteStore({ path: ':memory:' }), 'the connection of SQLite with', 'exec'],
] as const

it.each(stores)('%s: a transaction of another kind is named as what is wrong', async (_, open, must, method) => {
  const store = open()
  const once = onlyonce({ store, scope: 'shop' })
  const ofAnOrm = { execute() {}, transaction() {} }
  const effect = () => expect.unreachable('it has run')
  for (const [tx, is] of [
    [ofAnOrm, `this has no ${method}()`],
    [Promise.resolve(ofAnOrm), 'this is a promise: await it'],
    [store, `this has no ${method}()`],
  ] as const) {
    const refused = {
      code: 'OPTION_INVALID',
      message: expect.stringMatching(`${must}.*; ${is.replace('()', '\\(\\)')}$`),
    }
    await expect(once.atomic('order:1100', effect, { tx: tx as never })).rejects.toMatchObject(refused)
    const message = { topic: 'orders', body: 1 }
    await expect(outbox(store as never).add(tx as never, message)).rejects.toMatchObject(refused)
  }
  await once.close()
  await store[Symbol.asyncDispose]()
})
