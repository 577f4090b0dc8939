import mysql from 'mysql2/promise'
import { beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

/** Connections that somebody else gave back to the pool as he should not have. */
describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
    await database.sql('CREATE TABLE effects (name VARCHAR(60))')
    await database.store().migrate()
  })

  const insert = (name: string) => `INSERT INTO effects VALUES ('${name}')`
  const effects = async () => (await database.sql('SELECT name FROM effects')).map(({ name }) => name)

  /** The pool's free connections are lent last in, first out. */
  async function withLeft(statement: string) {
    const pool = tidily(mysql.createPool({ uri: database.url, connectionLimit: 2 }), (it) => it.end())
    const store = database.store({ pool })
    const once = onlyonce({ store, scope: 'test' })
    await once('warm', () => {})
    const connection = await pool.getConnection()
    await connection.query(statement)
    await connection.query(insert('of somebody else'))
    connection.release()
    return { store, once }
  }

  const seen = async () => (await onlyonce({ store: database.store(), scope: 'test' }).find('key'))?.state

  it.each(['START TRANSACTION', 'SET autocommit = 0'])(
    'a claim on a connection that was left after %s counts for everybody',
    async (statement) => {
      const { once } = await withLeft(statement)
      expect(
        await once('key', async () => {
          expect(await seen()).toBe('running')
          return 'done'
        }),
      ).toBe('done')
      expect([await seen(), await effects()]).toEqual(['done', []])
    },
  )

  it.each(['START TRANSACTION', 'SET autocommit = 0'])('a sweep goes on after %s', async (statement) => {
    const { once } = await withLeft(statement)
    await database.advance(200_000_000)
    expect(await once.store.sweep(10)).toBe(1)
    expect([(await database.sql('SELECT 1 FROM onlyonce_operations')).length, await effects()]).toEqual([0, []])
  })

  it.each(['START TRANSACTION', 'SET autocommit = 0'])(
    'the outbox is settled after %s, and nothing of somebody else',
    async (statement) => {
      const { store } = await withLeft(statement)
      const other = database.store()
      const message = { topic: 't', headers: {}, body: new Uint8Array() }
      await other.transaction((tx) =>
        other.outbox.append(tx, [
          { ...message, id: 'a' },
          { ...message, id: 'b' },
        ]),
      )
      const [first, second] = (await other.outbox.take('relay', 60_000, 10)) ?? []
      await store.outbox.settle([
        { position: first?.position ?? 0, kind: 'published' },
        { position: second?.position ?? 0, kind: 'parked', reason: 'because', failures: 1 },
      ])
      expect([await other.outbox.stats(), await effects()]).toMatchObject([{ waiting: 0, parked: 1 }, []])
    },
  )

  it.each(['START TRANSACTION', 'SET autocommit = 0'])(
    'a transaction after %s commits nothing of somebody else',
    async (statement) => {
      const { once } = await withLeft(statement)
      const effect = (tx: { query(sql: string): Promise<unknown> }) => tx.query(insert('mine')).then(() => 'done')
      expect(await codeOf(once.atomic('key', effect))).toBe('STORE_UNAVAILABLE')
      expect(await once.atomic('key', effect)).toBe('done')
      expect([await seen(), await effects()]).toEqual(['done', ['mine']])
    },
  )

  it('a connection on which an effect has locked tables, which ends its transaction, is not given back', async () => {
    const pool = tidily(mysql.createPool({ uri: database.url, connectionLimit: 1 }), (it) => it.end())
    const once = onlyonce({ store: database.store({ pool }), scope: 'test' })
    const work = once.atomic('ended', (tx) => tx.query('LOCK TABLES effects WRITE'))
    expect(await codeOf(work)).toBe('OUTCOME_UNKNOWN')
    expect([await once('key', () => 'done'), await seen()]).toEqual(['done', 'done'])
    await database.sql(insert('of another connection'))
  })
})
