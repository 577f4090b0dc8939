import mysql from 'mysql2/promise'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { request } from '../support/claims.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { createProxy } from '../support/proxy.ts'
import { failure } from '../support/rejections.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs } from '../support/waiting.ts'

describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(() => database.close())

  it('unreachable, refused, read-only and unfit servers are STORE_UNAVAILABLE, without the password', async () => {
    const { port } = new URL(url)
    await database.store().migrate()
    const wrong: [uri: string, init: string | undefined, says: RegExp][] = [
      ['mysql://root:hunter2@127.0.0.1:1/onlyonce', undefined, /ECONNREFUSED/],
      [`mysql://nobody_here:hunter2@127.0.0.1:${port}/onlyonce`, undefined, /credentials/],
      [`mysql://root@127.0.0.1:${port}/nowhere`, undefined, /no such database/],
      [database.url, 'SET SESSION TRANSACTION READ ONLY', /read-only/],
    ]
    for (const [uri, init, says] of wrong) {
      const pool = mysql.createPool({ uri })
      if (init !== undefined) pool.pool.on('connection', (connection) => connection.query(init))
      const store = database.store({ pool })
      let ran = false
      const error = await failure(
        onlyonce({ store, scope: 'test', storeTimeoutMs: 2_000 })('key', () => {
          ran = true
        }),
      )
      expect([OnlyonceError.is(error) && error.code, ran], uri).toEqual(['STORE_UNAVAILABLE', false])
      expect(error.message).toMatch(says)
      expect(`${error.message} ${error.cause}`).not.toContain('hunter2')
      await store[Symbol.asyncDispose]()
      await pool.end()
    }
    for (const [set, named] of [
      ['autocommit = 0', 'autocommit'],
      ["sql_mode = CONCAT(@@sql_mode, ',EMPTY_STRING_IS_NULL')", 'EMPTY_STRING_IS_NULL'],
    ]) {
      const pool = mysql.createPool({ uri: database.url })
      pool.pool.on('connection', (connection) => connection.query(`SET ${set}`))
      const error = await failure(database.store({ pool }).claim([request('key')]))
      expect(error).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining(named as string) })
      await pool.end()
    }
  })

  it('a half-open connection is given up in time, and none is missing from the pool afterwards', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    const through = new URL(database.url)
    through.port = String(proxy.port)
    const pool = mysql.createPool({ uri: through.href, connectionLimit: 2 })
    const store = database.store({ pool, timeoutMs: 1_500 })
    await database.store().migrate()
    await store.find([operationId('test', 'key')])
    /** Both at once: none was lost to a call that had given up. */
    const connectionIds = async () => {
      const both = await Promise.all([pool.getConnection(), pool.getConnection()])
      for (const connection of both) connection.release()
      return both.map(({ threadId }) => threadId)
    }
    const before = await connectionIds()
    proxy.blackhole()
    const failed = await Promise.all(Array.from({ length: 6 }, () => failure(store.claim([request('key')]))))
    for (const error of failed) expect(error.message).toMatch(/no answer within|no connection of the pool/)
    proxy.resume()
    const all = Array.from({ length: 6 }, () => store.find([operationId('test', 'key')]))
    await Promise.all(all)
    // One that did not answer is not used again: its answer may still come, to somebody else.
    expect((await connectionIds()).filter((id) => before.includes(id))).toEqual([])
    await store[Symbol.asyncDispose]()
    await pool.end()
    await proxy.close()
  })

  it('a transaction on a half-open connection is given up in time as well', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    const through = new URL(database.url)
    through.port = String(proxy.port)
    const pool = mysql.createPool({ uri: through.href, connectionLimit: 1 })
    const store = database.store({ pool, timeoutMs: 1_500 })
    await database.store().migrate()
    await store.find([operationId('test', 'key')])
    // The floor of fences that is known is old by then, and is asked for first.
    await sleepMs(1_100)
    proxy.blackhole()
    const error = await failure(onlyonce({ store, scope: 'test' }).atomic('key', () => expect.fail('it began')))
    expect(error.message).toContain('no answer within 1500 ms')
    proxy.resume()
    expect(await onlyonce({ store, scope: 'test' }).atomic('key', () => 1)).toBe(1)
    await store[Symbol.asyncDispose]()
    await pool.end()
    await proxy.close()
  })

  it.each(['leased', 'atomic'] as const)(
    'connections that a failover made read-only are not kept (%s)',
    async (way) => {
      const pool = mysql.createPool({ uri: database.url, connectionLimit: 2 })
      const once = onlyonce({ store: database.store({ pool }), scope: 'test' })
      const ask = (key: string) => (way === 'leased' ? once(key, () => 1) : once.atomic(key, () => 1))
      await ask('warm')
      const all = await Promise.all([pool.getConnection(), pool.getConnection()])
      for (const connection of all) await connection.query('SET SESSION TRANSACTION READ ONLY')
      const before = all.map(({ threadId }) => threadId)
      for (const connection of all) connection.release()
      // Each call that is refused costs one of them.
      for (let round = 0; round < 2; round++) await ask(`key-${round}`).catch(() => {})
      expect(await ask('after')).toBe(1)
      const now = await Promise.all([pool.getConnection(), pool.getConnection()])
      for (const connection of now) connection.release()
      expect(now.filter(({ threadId }) => before.includes(threadId))).toEqual([])
      await pool.end()
    },
  )

  it('a claim whose answer was lost is asked again, and recognised as its own', async () => {
    const proxy = await createProxy(Number(new URL(url).port))
    const through = new URL(database.url)
    through.port = String(proxy.port)
    const pool = mysql.createPool({ uri: through.href, connectionLimit: 2 })
    const store = database.store({ pool })
    await store.claim([request('warm')])
    let lost = 0
    proxy.onReply = () => (lost++ === 0 ? 'cut' : undefined)
    const [outcome] = await store.claim([request('key')])
    expect([lost > 1, outcome]).toMatchObject([true, { kind: 'granted', attempt: 1, starts: 1 }])
    await store[Symbol.asyncDispose]()
    await pool.end()
    await proxy.close()
  })
})

describeWithFresh('mysql', (start) => {
  it('a server that is killed and restarted loses no answered claim, and the store goes on by itself', async () => {
    const server = await start()
    const pool = mysql.createPool({ uri: server.url, connectionLimit: 4 })
    const store = mysqlStore({ pool })
    const once = onlyonce({ store, scope: 'test', leaseMs: 60_000 })
    await once('before', () => 'kept')
    let effects = 0
    let refused = 0
    const results = await Promise.all([
      server.restart('immediate'),
      ...Array.from({ length: 20 }, async (_, index) => {
        for (;;) {
          try {
            return await once.atomic(`key-${index}`, async (tx) => {
              await tx.query('SELECT SLEEP(0.02)')
              return ++effects
            })
          } catch (error) {
            if (!OnlyonceError.is(error) || error.code !== 'STORE_UNAVAILABLE') throw error
            refused++
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        }
      }),
    ])
    expect(results).toHaveLength(21)
    expect(refused).toBeGreaterThan(0)
    expect(await once('before', () => 'again')).toBe('kept')
    for (let index = 0; index < 20; index++)
      expect(await once.atomic(`key-${index}`, async () => -1)).toBe(results[index + 1])
    await store[Symbol.asyncDispose]()
    await pool.end()
    await server.stop()
  }, 60_000)
})
