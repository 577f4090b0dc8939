import { type AddressInfo, connect, createServer } from 'node:net'
import mysql from 'mysql2/promise'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import type { MysqlPool } from '../../src/stores/mysql/client.ts'
import type { MysqlStoreOptions, MysqlTx } from '../../src/stores/mysql/index.ts'
import { asOfMysql, isCommit, type TestDatabase, testDatabase } from '../support/mysql.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error) => (OnlyonceError.is(error) ? error.code : error),
  )

describe.each([
  { server: 'MariaDB', lend: (pool: MysqlPool) => pool, roundTrips: 4 },
  { server: 'MySQL', lend: asOfMysql, roundTrips: 7 },
])('as on $server', ({ lend, roundTrips }) =>
  describeWith('mysql', (url) => {
    let database: TestDatabase
    const leftovers: (() => unknown)[] = []

    beforeEach(async () => {
      database = await testDatabase(url, { lend })
      await database.sql('CREATE TABLE effects (name VARCHAR(60))')
    })
    afterEach(async () => {
      for (const tidy of leftovers.splice(0).reverse()) await tidy()
      await database.close()
    })

    const effects = async () => (await database.sql('SELECT name FROM effects')).map(({ name }) => name)
    const insert = (name: string) => `INSERT INTO effects VALUES ('${name}')`

    /** A store whose connections go through a proxy that the test commands. */
    async function throughProxy(connectionLimit: number, options: Partial<MysqlStoreOptions> = {}) {
      const proxy = await createProxy(Number(new URL(url).port))
      const through = new URL(database.url)
      through.port = String(proxy.port)
      const pool = mysql.createPool({ uri: through.href, connectionLimit })
      const store = database.store({ pool, ...options })
      leftovers.push(async () => {
        await store[Symbol.asyncDispose]()
        await pool.end()
        await proxy.close()
      })
      await store.migrate()
      return { proxy, store, once: onlyonce({ store, scope: 'test', leaseMs: 5_000 }) }
    }

    it.each([1, 5])('a COMMIT whose answer is lost is found to have happened, with a pool of %i', async (max) => {
      const { proxy, once } = await throughProxy(max)
      await once.atomic('warm', async () => {})
      let lost = 0
      proxy.onRequest = (chunk) => {
        if (isCommit(chunk) && lost++ === 0) proxy.dropReplies()
        return undefined
      }
      const value = await once.atomic('key', async (tx) => {
        await tx.query(insert('key'))
        return 'done'
      })
      expect([value, lost, await effects()]).toEqual(['done', 1, ['key']])
      expect(await once.atomic('key', async () => 'again')).toBe('done')
    })

    it('a COMMIT that is still on its way when its connection is lost is waited for', async () => {
      await database.store().migrate()
      let late = 0
      const way = createServer((client) => {
        const server = connect(Number(new URL(url).port), '127.0.0.1')
        for (const socket of [client, server]) socket.on('error', () => {})
        server.on('data', (chunk) => client.write(chunk)).on('close', () => client.destroy())
        client.on('data', (chunk: Buffer) => {
          if (!isCommit(chunk) || late++ > 0) return void server.write(chunk)
          client.destroy()
          setTimeout(() => server.end(chunk), 300)
        })
      })
      await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
      const through = new URL(database.url)
      through.port = String((way.address() as AddressInfo).port)
      const pool = mysql.createPool({ uri: through.href, connectionLimit: 2 })
      leftovers.push(
        () => way.close(),
        () => pool.end(),
      )
      const once = onlyonce({ store: database.store({ pool }), scope: 'test' })
      const value = await once.atomic('key', async (tx) => {
        await tx.query(insert('key'))
        return 'done'
      })
      expect([value, late > 0, await effects()]).toEqual(['done', true, ['key']])
    })

    it('a lost COMMIT of a transaction without a claim cannot be found out, and says so', async () => {
      const { proxy, store } = await throughProxy(2)
      let lost = 0
      proxy.onRequest = (chunk) => (isCommit(chunk) && lost++ === 0 ? 'cut' : undefined)
      expect(await codeOf(store.transaction((tx) => tx.query(insert('key'))))).toBe('OUTCOME_UNKNOWN')
    })

    it('a COMMIT that never reached the server is found not to have happened, and may be asked for again', async () => {
      const { proxy, once } = await throughProxy(2)
      await once.atomic('warm', async () => {})
      let lost = 0
      proxy.onRequest = (chunk) => (isCommit(chunk) && lost++ === 0 ? 'cut' : undefined)
      const effect = async (tx: MysqlTx) => void (await tx.query(insert('key')))
      expect(await codeOf(once.atomic('key', effect))).toBe('STORE_UNAVAILABLE')
      expect([lost, await effects()]).toEqual([1, []])
      await once.atomic('key', effect)
      expect(await effects()).toEqual(['key'])
    })

    it.each([
      [['COMMIT'], true],
      [['ROLLBACK'], false],
      [['COMMIT', 'START TRANSACTION'], true],
      [['ROLLBACK', 'START TRANSACTION', 'SAVEPOINT x'], false],
      [['CREATE TABLE made_inside (a INT)'], true],
      [['TRUNCATE TABLE effects', insert('after')], false],
    ])('an effect that runs %j is OUTCOME_UNKNOWN', async (statements, kept) => {
      const once = onlyonce({ store: database.store(), scope: 'test' })
      const work = once.atomic('key', async (tx) => {
        await tx.query(insert('effect'))
        for (const sql of statements) await tx.query(sql)
      })
      expect(await codeOf(work)).toBe('OUTCOME_UNKNOWN')
      expect((await effects()).includes('effect')).toBe(kept)
      expect(await once.atomic('after', async () => 'fine')).toBe('fine')
    })

    it('a deadlock in the effect undoes all of it, nothing more is let through, and it may be asked for again', async () => {
      const once = onlyonce({ store: database.store({ lockWaitMs: 5_000 }), scope: 'test' })
      await database.sql('CREATE TABLE rows_ (id INT PRIMARY KEY, n INT)')
      await database.sql('INSERT INTO rows_ VALUES (1, 0), (2, 0)')
      const meet = [deferred(), deferred()]
      const crossing = (mine: number, theirs: number, swallow: boolean) =>
        once.atomic(`key-${mine}`, async (tx) => {
          await tx.query(`UPDATE rows_ SET n = n + 1 WHERE id = ${mine}`)
          meet[mine - 1]?.resolve()
          await meet[theirs - 1]?.promise
          const update = tx.query(`UPDATE rows_ SET n = n + 1 WHERE id = ${theirs}`)
          if (!swallow) return void (await update)
          await update.catch(() => {})
          await tx.query(insert(`late ${mine}`)).catch(() => {})
        })
      const answers = await Promise.all([codeOf(crossing(1, 2, true)), codeOf(crossing(2, 1, true))])
      expect(answers.sort()).toEqual(['STORE_UNAVAILABLE', 'resolved'])
      expect(await database.sql('SELECT n FROM rows_')).toEqual([{ n: 1 }, { n: 1 }])
      expect(await effects()).toHaveLength(1)
    })

    it('two takeovers in two transactions that waited for a third do not deadlock', async () => {
      const store = database.store()
      const once = onlyonce({ store, scope: 'test' })
      await codeOf(once('key', () => Promise.reject(new Error('release it'))))
      let ran = 0
      const all = await Promise.all(
        Array.from({ length: 10 }, () => onlyonce({ store, scope: 'test' }).atomic('key', async () => ++ran)),
      )
      expect([ran, new Set(all)]).toEqual([1, new Set([1])])
    })

    it('rivals that wait for transactions which are undone one after the other all get an answer', async () => {
      const store = database.store({ lockWaitMs: 20_000 })
      await store.migrate()
      for (let round = 0; round < 5; round++) {
        let ran = 0
        const failed = new Error('undo this')
        const all = await Promise.all(
          Array.from({ length: 12 }, () =>
            onlyonce({ store, scope: 'test' })
              .atomic(`key-${round}`, async (tx) => {
                await tx.query(insert(`${round}`))
                if (++ran < 8) throw failed
                return 'done'
              })
              .catch((error) => error),
          ),
        )
        expect([all.filter((one) => one === failed).length, all.filter((one) => one === 'done').length]).toEqual([7, 5])
      }
      expect(await effects()).toHaveLength(5)
    })

    it('a handle that outlives its transaction refuses to write', async () => {
      const store = database.store()
      let late: MysqlTx | undefined
      await store.transaction(async (tx) => {
        late = tx
      })
      expect(await codeOf(late?.query(insert('late')) as Promise<unknown>)).toBe('CLOSED')
    })

    it('a call from inside a transaction on a pool of one fails soon and says why; with room it works', async () => {
      const pool = mysql.createPool({ uri: database.url, connectionLimit: 1 })
      leftovers.push(() => pool.end())
      const tight = onlyonce({ store: database.store({ pool }), scope: 'test' })
      expect(await codeOf(tight.atomic('outer', () => tight.find('inner')))).toBe('OPTION_INVALID')
      expect(await tight.atomic('later', async () => 'fine')).toBe('fine')
      const roomy = onlyonce({ store: database.store(), scope: 'test' })
      expect(await roomy.atomic('outer', () => roomy('inner', () => 'inside'))).toBe('inside')
    })

    it.each(['READ COMMITTED', 'REPEATABLE READ'])(
      "joins the caller's own transaction under %s, and commits or vanishes with it",
      async (level) => {
        const once = onlyonce({ store: database.store(), scope: 'test' })
        await once('warm', () => {})
        const client = await database.pool.getConnection()
        try {
          for (const ending of ['ROLLBACK', 'COMMIT']) {
            await client.query(`SET TRANSACTION ISOLATION LEVEL ${level}`)
            await client.query('START TRANSACTION')
            await once.atomic('key', async (tx) => void (await tx.query(insert('key'))), { tx: client })
            await client.query(ending)
            expect(await effects()).toEqual(ending === 'COMMIT' ? ['key'] : [])
          }
          expect((await once.find('key'))?.state).toBe('done')
          // Committed by somebody else after this transaction has begun to read.
          await client.query('START TRANSACTION')
          await client.query('SELECT * FROM effects')
          await once.atomic('meanwhile', async () => 'theirs')
          expect(await once.atomic('meanwhile', async () => 'ours', { tx: client })).toBe('theirs')
          await client.query('COMMIT')
          expect(await codeOf(once.atomic('no-begin', async () => {}, { tx: client }))).toBe('OPTION_INVALID')
          await client.query('START TRANSACTION')
          const ends = once.atomic('ends', async (tx) => void (await tx.query('COMMIT')), { tx: client })
          expect(await codeOf(ends)).toBe('OUTCOME_UNKNOWN')
        } finally {
          client.release()
        }
      },
    )

    it('a rival waits for the row as long as lockWaitMs, then is told that it is running, and settings are put back', async () => {
      const pool = mysql.createPool({ uri: database.url, connectionLimit: 3 })
      leftovers.push(() => pool.end())
      const store = database.store({ pool, lockWaitMs: 100 })
      const once = onlyonce({ store, scope: 'test' })
      const fresh = () => onlyonce({ store, scope: 'test' })
      await once.atomic('key', async () => {
        expect((await fresh().atomic.attempt('key', async () => {})).kind).toBe('in-flight')
        await store.transaction(async (tx) => {
          await tx.query(insert('before'))
          expect((await fresh().atomic.attempt('key', async () => {}, { tx })).kind).toBe('in-flight')
          await tx.query(insert('went on'))
        })
      })
      expect(await effects()).toEqual(['before', 'went on'])
      await store[Symbol.asyncDispose]()
      const settings = await Promise.all(
        [1, 2, 3].map(() =>
          pool.query(
            "SELECT SLEEP(0.05), @@innodb_lock_wait_timeout AS wait, (SELECT variable_value FROM information_schema.session_variables WHERE variable_name = 'tx_isolation') AS level",
          ),
        ),
      )
      for (const [rows] of settings) {
        expect((rows as Record<string, unknown>[])[0]).toMatchObject({ wait: 50, level: 'REPEATABLE-READ' })
      }
    })

    it('costs the round trips that the documentation tells', async () => {
      const { proxy, store, once } = await throughProxy(1)
      const costOf = async (work: () => Promise<unknown>) => {
        // The connection is given back once its settings are, so that this waits for them.
        await store.find(['0'.repeat(32)])
        const before = proxy.roundTrips
        await work()
        return proxy.roundTrips - before
      }
      const effect = async (tx: MysqlTx) => void (await tx.query(insert('x')))
      const value = (tx: MysqlTx) => effect(tx).then(() => 'a value')
      for (const key of ['warm', 'warmer']) {
        await once(key, () => 'x')
        await once.atomic(`${key} atomic`, value)
        await once.atomic(`${key} atomic`, value)
      }
      expect(await costOf(() => once('leased', () => 'x'))).toBe(2)
      expect(await costOf(() => once('leased', () => 'x'))).toBe(2)
      expect(await costOf(() => once.atomic('atomic', effect))).toBe(roundTrips)
      expect(await costOf(() => once.atomic('atomic, with a value', value))).toBe(roundTrips + 1)
    })
  }),
)

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
