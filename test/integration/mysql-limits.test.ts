import mysql from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { LaunchedService } from '../../services/launch.mjs'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import type { MysqlStoreOptions, MysqlTx } from '../../src/stores/mysql/index.ts'
import { request } from '../support/claims.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { refusal } from '../support/rejections.ts'
import { describeWithFresh } from '../support/services.ts'

const TOO_LARGE = 'x'.repeat(900_000)

describeWithFresh('mysql', (start) => {
  let server: LaunchedService
  let database: TestDatabase
  beforeAll(async () => {
    server = await start({ args: ['--max-allowed-packet=1M'] })
  }, 60_000)
  afterAll(() => server.stop())
  beforeEach(async () => {
    database = await testDatabase(server.url)
    later(() => database.close())
  })

  const engine = (options: Partial<MysqlStoreOptions> = {}) =>
    onlyonce({ store: database.store(options), scope: 'test', leaseMs: 1_500 })

  it.each(['leased', 'atomic'] as const)(
    'a result that is larger than a packet does not make the effect run again (%s)',
    async (way) => {
      let runs = 0
      const ask = () => {
        const once = engine()
        const effect = () => {
          runs++
          return TOO_LARGE
        }
        return way === 'leased' ? once('key', effect) : once.atomic('key', effect)
      }
      await ask().catch(() => {})
      await database.advance(10_000)
      for (let again = 0; again < 2; again++) {
        const error = await refusal(ask())
        expect([error.code, runs]).toEqual(['RESULT_UNSERIALIZABLE', 1])
        expect(error.message).toMatch(/"key" is done.*900\d\d\d bytes.*max_allowed_packet.*1048576/)
      }
    },
  )

  it("a result that is too large is told in the caller's own transaction, by a store that was never used", async () => {
    await database.store().migrate()
    const connection = await database.pool.getConnection()
    await connection.beginTransaction()
    // A library that gives the columns of all answers other names.
    const renamed = (row: object) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, value]),
      )
    const tx: MysqlTx = {
      async query(sql, values) {
        const [rows, ...rest] = await connection.query(sql, values)
        return [Array.isArray(rows) ? rows.map(renamed) : rows, ...rest]
      },
      execute: (sql, values) => connection.execute(sql, values),
    }
    await engine().atomic('key', () => TOO_LARGE, { tx })
    await connection.commit()
    connection.release()
    expect((await refusal(engine().atomic('key', () => 'again'))).code).toBe('RESULT_UNSERIALIZABLE')
  })

  it('results that fit one by one are cut into batches that do, and one that does not harms no other', async () => {
    const once = engine()
    const body = (index: number) => (index === 7 ? TOO_LARGE : String(index).repeat(300_000))
    await Promise.allSettled(Array.from({ length: 12 }, (_, index) => once(`key-${index}`, () => body(index))))
    const again = engine()
    for (let index = 0; index < 12; index++) {
      const answer = again(`key-${index}`, () => 'it ran again')
      if (index === 7) expect((await refusal(answer)).code).toBe('RESULT_UNSERIALIZABLE')
      else expect((await answer) === body(index), `key-${index}`).toBe(true)
    }
  })

  it('claims with the longest keys there are fit into packets', async () => {
    const scope = '店'.repeat(200)
    const store = database.store()
    for (let round = 0; round < 2; round++) {
      const requests = Array.from({ length: 500 }, (_, index) => {
        const key = `${'鍵'.repeat(251)}${1000 + index}`
        return request(key, {
          id: operationId(scope, key),
          scope,
          key,
          fingerprint: `v1:${'f'.repeat(300)}`,
          leaseMs: 10,
        })
      })
      expect(new Set((await store.claim(requests)).map(({ kind }) => kind))).toEqual(new Set(['granted']))
      await database.advance(1_000)
    }
  })

  it('claims inside a transaction are cut into packets, of what is new and of what is taken over', async () => {
    const once = engine()
    const scope = '店'.repeat(200)
    const keys = Array.from({ length: 500 }, (_, index) => ({
      key: `${'鍵'.repeat(251)}${1000 + index}`,
      scope,
      fingerprint: '印'.repeat(255),
    }))
    const claimed = async () => (await once.atomic.batch(keys, () => {})).map(({ kind }) => kind)
    expect(new Set(await claimed())).toEqual(new Set(['executed']))
    expect(new Set(await claimed())).toEqual(new Set(['replayed']))
    const store = database.store()
    await store.forget(keys.map(({ key }) => operationId(scope, key)))
    const abandoned = keys.map((named) =>
      request(named.key, { ...named, id: operationId(scope, named.key), leaseMs: 10 }),
    )
    await store.claim(abandoned)
    await database.advance(1_000)
    expect(new Set(await claimed())).toEqual(new Set(['executed']))
  })

  it('a step whose result is too large has run, says so at once and later, and the others are kept', async () => {
    const ran: string[] = []
    const attempt = () =>
      engine()('key', async (op) => {
        const step = (name: string, value: unknown) =>
          op.step(name, () => {
            ran.push(name)
            return value
          })
        await step('first', 'kept')
        const error = await refusal(step('large', TOO_LARGE))
        expect(error).toMatchObject({ code: 'RESULT_UNSERIALIZABLE', message: expect.stringContaining('"large"') })
        expect(await step('last', 'kept too')).toBe('kept too')
        throw new Error('a crash')
      })
    for (let again = 0; again < 3; again++) {
      await expect(attempt()).rejects.toThrow('a crash')
      expect(ran).toEqual(['first', 'large', 'last'])
    }
  })

  it.each(['ours', "the caller's"] as const)(
    'messages that fit one by one are cut into packets, and added all or none (%s)',
    async (whose) => {
      const store = database.store({ lockWaitMs: 1_000 })
      await store.migrate()
      const messages = outbox(store)
      const large = (id: string) => ({ id, topic: 't', body: new Uint8Array(300_000) })
      const ids = Array.from({ length: 7 }, (_, index) => `m${index}`)
      const connect = async () => tidily(await mysql.createConnection({ uri: database.url }), (it) => it.destroy())
      async function inside(work: (tx: MysqlTx) => Promise<unknown>): Promise<void> {
        if (whose === 'ours') return void (await store.transaction(work))
        const connection = await connect()
        await connection.query('SET innodb_lock_wait_timeout = 1')
        await connection.beginTransaction()
        await work(connection)
        await connection.commit()
      }
      const blocker = await connect()
      await blocker.beginTransaction()
      await messages.add(blocker, large('m6'))
      await inside(async (tx) => {
        await expect(messages.add(tx, ids.map(large))).rejects.toThrow('Lock wait timeout')
        await messages.add(tx, large('after'))
      })
      await blocker.rollback()
      await inside((tx) => messages.add(tx, ids.map(large)))
      const taken = await store.outbox.take('relay', 60_000, 100)
      expect(taken?.map(({ id }) => id)).toEqual(['after', ...ids])
    },
  )

  it('a limit that is lowered while the store is open is learnt from the connection that it costs', async () => {
    const control = tidily(await mysql.createConnection({ uri: server.url }), (it) => it.end())
    await control.query('SET GLOBAL max_allowed_packet = 4194304')
    const pool = tidily(mysql.createPool({ uri: database.url, connectionLimit: 1 }), (it) => it.end())
    const once = engine({ pool })
    await once('warm', () => TOO_LARGE)
    await control.query('SET GLOBAL max_allowed_packet = 1048576')
    const connection = await pool.getConnection()
    connection.destroy()
    await once('key', () => TOO_LARGE).catch(() => {})
    expect((await refusal(engine()('key', () => 'again'))).code).toBe('RESULT_UNSERIALIZABLE')
    expect(await once('other', () => 'fine')).toBe('fine')
  })
})
