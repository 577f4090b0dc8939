import mysql from 'mysql2/promise'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

const message = { id: 'm1', topic: 'paid', body: Buffer.from('x'), headers: {} }

/** Ends the transaction of a caller who did not wait for the adding of a message, in the middle of that. */
function endedBefore<Arguments extends unknown[], Answer>(
  ask: (...given: Arguments) => Promise<Answer>,
  commit: () => Promise<unknown>,
) {
  let ended = false
  return async (...given: Arguments): Promise<Answer> => {
    if (!ended && JSON.stringify(given).includes('INSERT INTO')) {
      ended = true
      await commit()
    }
    return ask(...given)
  }
}

describeWith('mysql', (url) => {
  it('a message that a COMMIT has overtaken is told, added or refused', async () => {
    const database = await mysqlDatabase(url)
    later(() => database.close())
    const store = database.store()
    await store.migrate()
    const client = tidily(await mysql.createConnection(database.url), (it) => it.end())
    const execute = (sql: string, values?: never) => client.execute(sql, values)
    const add = async () => {
      await client.beginTransaction()
      const tx = {
        query: (sql: string) => client.query(sql),
        execute: endedBefore(execute, () => client.commit()),
      }
      return codeOf(store.outbox.append(tx as never, [message]))
    }
    expect(await add()).toBe('OUTCOME_UNKNOWN')
    await database.sql('RENAME TABLE onlyonce_outbox TO elsewhere')
    expect(await add()).toBe('STORE_UNAVAILABLE')
  })
})

describeWith('postgres', (url) => {
  it('a message that a COMMIT has overtaken is told, added or refused', async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const store = database.store()
    await store.migrate()
    const client = await database.pool.connect()
    later(() => client.release())
    const query = (...given: unknown[]) => client.query(...(given as [string]))
    const add = async () => {
      await client.query('BEGIN')
      return codeOf(store.outbox.append({ query: endedBefore(query, () => client.query('COMMIT')) }, [message]))
    }
    expect(await add()).toBe('OUTCOME_UNKNOWN')
    await database.sql(`DROP TABLE "${database.schema}".outbox`)
    expect(await add()).toBe('STORE_UNAVAILABLE')
  })

  it('a transaction in which a message was refused commits nothing and says so, though nobody waited for it', async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const store = database.store()
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    await database.sql(`DROP TABLE "${database.schema}".outbox`)
    let added: Promise<unknown> = Promise.resolve()
    const work = once.atomic('key', async (tx) => {
      added = codeOf(store.outbox.append(tx, [message]))
    })
    expect([await codeOf(work), await added]).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
    expect(await once.find('key')).toBeUndefined()
  })
})
