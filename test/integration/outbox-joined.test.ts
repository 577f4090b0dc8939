import mysql from 'mysql2/promise'
import { expect, it } from 'vitest'
import type { TransactionalStore } from '../../src/core/store.ts'
import { type Once, onlyonce } from '../../src/index.ts'
import { later } from '../support/leftovers.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

const message = (id: string) => ({ id, topic: 'paid', body: Buffer.from('x'), headers: {} })
/** Throws when others have had their turn, if they were let. */
const failing = async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  throw new Error('effect')
}

/** Adds a message while the effect of a nested call, which is undone in the end, is under way. */
async function addBesideFailure<Tx extends object>(once: Once<Tx>, store: TransactionalStore<Tx>, id: string) {
  await once.atomic('around', async (tx) => {
    let failed: Promise<unknown> = Promise.resolve()
    await new Promise<void>((begun) => {
      const effect = () => {
        begun()
        return failing()
      }
      failed = once.atomic('b', effect, { tx })
    })
    await Promise.allSettled([failed, store.outbox.append(tx, [message(id)])])
  })
}

describeWith('postgres', (url) => {
  it('a message is added to a transaction that is open, or not at all', async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const store = database.store()
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    const client = await database.pool.connect()
    for (const tx of [client, database.pool]) {
      expect(await codeOf(store.outbox.append(tx, [message('m1')]))).toBe('OPTION_INVALID')
    }
    await client.query('BEGIN')
    await store.outbox.append(client, [message('m2')])
    await client.query('ROLLBACK')
    expect(await store.outbox.stats()).toMatchObject({ waiting: 0 })
    await client.query('BEGIN')
    const beside = store.outbox.append(client, [message('m3')])
    await Promise.allSettled([once.atomic('a', failing, { tx: client }), beside])
    await client.query('COMMIT')
    client.release()
    expect(await store.outbox.stats()).toMatchObject({ waiting: 1 })
    await addBesideFailure(once, store, 'm4')
    expect(await store.outbox.stats()).toMatchObject({ waiting: 2 })
  })
})

describeWith('mysql', (url) => {
  it('a message is added to a transaction that is open, or not at all', async () => {
    const database = await mysqlDatabase(url)
    const client = await mysql.createConnection(database.url)
    later(() => database.close())
    later(() => client.end())
    const store = database.store()
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    expect(await codeOf(store.outbox.append(client, [message('m1')]))).toBe('OPTION_INVALID')
    await client.beginTransaction()
    await store.outbox.append(client, [message('m2')])
    await client.rollback()
    expect(await store.outbox.stats()).toMatchObject({ waiting: 0 })
    await client.beginTransaction()
    const beside = store.outbox.append(client, [message('m3')])
    await Promise.allSettled([once.atomic('a', failing, { tx: client }), beside])
    await client.commit()
    expect(await store.outbox.stats()).toMatchObject({ waiting: 1 })
    await addBesideFailure(once, store, 'm4')
    expect(await store.outbox.stats()).toMatchObject({ waiting: 2 })
  })
})
