import mysql from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { LaunchedService } from '../../services/launch.mjs'
import { onlyonce } from '../../src/index.ts'
import type { MysqlStoreOptions, MysqlTx } from '../../src/stores/mysql/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { codeOf, refusal } from '../support/rejections.ts'
import { describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'

/** What the server undoes by itself. Under innodb_rollback_on_timeout a lock wait that takes too long is the end of a transaction too. */
describeWithFresh('mysql', (start) => {
  let server: LaunchedService
  let database: TestDatabase
  beforeAll(async () => {
    server = await start({ args: ['--innodb-rollback-on-timeout=ON'] })
  }, 60_000)
  afterAll(() => server.stop())
  beforeEach(async () => {
    database = await testDatabase(server.url)
    later(() => database.close())
    await database.sql("CREATE TABLE effects (name VARCHAR(60) PRIMARY KEY) AS SELECT 'locked' AS name")
    await database.store().migrate()
  })

  const engine = (options: Partial<MysqlStoreOptions> = {}) =>
    onlyonce({ store: database.store({ lockWaitMs: 1_000, ...options }), scope: 'test' })
  const effects = async () => (await database.sql('SELECT name FROM effects ORDER BY name')).map(({ name }) => name)
  const insert = (name: string) => `INSERT INTO effects VALUES ('${name}')`
  const LOCKED = "UPDATE effects SET name = 'reached' WHERE name = 'locked'"

  /** Holds the row `locked` until the test is over. */
  async function block() {
    const blocker = tidily(await mysql.createConnection({ uri: database.url }), (it) => it.end())
    await blocker.beginTransaction()
    await blocker.query("SELECT * FROM effects WHERE name = 'locked' FOR UPDATE")
    later(() => blocker.rollback())
  }

  it.each(['one', 'batch'] as const)('a rival that waits in vain is told that it is in flight (%s)', async (way) => {
    await engine().atomic('key', async (tx) => {
      await tx.query(insert('first'))
      const rival = engine()
      const effect = (rivals: MysqlTx) => rivals.query(insert('rival'))
      if (way === 'one') expect(await rival.atomic.attempt('key', effect)).toMatchObject({ kind: 'in-flight' })
      else {
        const kinds = (await rival.atomic.batch(['other', 'key'], effect)).map(({ kind }) => kind)
        expect(kinds).toContain('in-flight')
      }
      expect(await rival.atomic('another', () => 'goes on')).toBe('goes on')
    })
    expect(await effects()).toEqual(['first', 'locked'])
  })

  it('a claim that waits in vain behind other statements undoes them, and says that nothing was changed', async () => {
    await engine().atomic('key', async () => {
      const store = database.store({ lockWaitMs: 1_000 })
      const work = store.transaction(async (tx) => {
        await tx.query(insert('before'))
        await onlyonce({ store, scope: 'test' })
          .atomic('key', () => {}, { tx })
          .catch(() => {})
        await tx.query(insert('after'))
      })
      expect(await work.then(() => 'committed', String)).toMatch(/Lock wait timeout/)
    })
    expect(await effects()).toEqual(['locked'])
  })

  it.each([
    [
      'one by one',
      async (tx: MysqlTx) => {
        await tx.query(insert('before'))
        await tx.query(LOCKED).catch(() => {})
        await tx.query(insert('after')).catch(() => {})
      },
    ],
    [
      'side by side',
      async (tx: MysqlTx) => {
        await Promise.allSettled([tx.query(insert('before')), tx.query(LOCKED), tx.query(insert('after'))])
      },
    ],
    [
      'and goes on',
      async (tx: MysqlTx) => {
        await tx.query(LOCKED).catch(() => {})
      },
    ],
  ] as const)('an effect that swallows it commits nothing (%s)', async (_, effect) => {
    await block()
    let runs = 0
    const work = engine().atomic('key', async (tx) => {
      runs++
      await effect(tx)
      return 'done'
    })
    expect([await codeOf(work), runs]).toEqual(['STORE_UNAVAILABLE', 1])
    expect(await effects()).toEqual(['locked'])
    expect(await engine().atomic('key', () => 'again')).toBe('again')
  })

  it("an effect that lets it pass is answered with the effect's error, and may be asked for again", async () => {
    await block()
    const work = engine().atomic('key', async (tx) => {
      await tx.query(insert('before'))
      await tx.query(LOCKED)
    })
    await expect(work).rejects.toMatchObject({ errno: 1205 })
    expect(await effects()).toEqual(['locked'])
    expect(await engine().atomic('key', () => 'again')).toBe('again')
  })

  it.each([
    ['that was used before', true],
    ['that was never used', false],
  ])("a claim in the caller's own transaction says that all of it is gone, by a store %s", async (_, isUsed) => {
    const joining = engine()
    if (isUsed) await joining('warm', () => {})
    const connection = tidily(await mysql.createConnection({ uri: database.url }), (it) => it.end())
    await connection.query('SET innodb_lock_wait_timeout = 1')
    await engine().atomic('key', async () => {
      await connection.beginTransaction()
      await connection.query(insert('before'))
      const error = await refusal(joining.atomic('key', () => {}, { tx: connection }))
      expect(error).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(/innodb_rollback_on_timeout.*whole transaction.*begin/),
      })
      await connection.rollback()
    })
    expect(await effects()).toEqual(['locked'])
  })

  it('statements that an effect does not await are part of its transaction, and none is after a deadlock', async () => {
    const once = engine({ lockWaitMs: 5_000 })
    await once.atomic('key', (tx) => void ['one', 'two', 'three'].map((name) => tx.query(insert(name))))
    expect(await effects()).toEqual(['locked', 'one', 'three', 'two'])
    await database.sql('CREATE TABLE rows_ (id INT PRIMARY KEY, n INT)')
    await database.sql('INSERT INTO rows_ VALUES (1, 0), (2, 0)')
    let arrived = 0
    const crossing = (mine: number, theirs: number) =>
      once.atomic(`key-${mine}`, async (tx) => {
        await tx.query(`UPDATE rows_ SET n = n + 1 WHERE id = ${mine}`)
        arrived++
        await until('both hold a row', () => arrived === 2)
        const update = tx.query(`UPDATE rows_ SET n = n + 1 WHERE id = ${theirs}`)
        await Promise.allSettled([update, tx.query(insert(`behind ${mine}`))])
      })
    const answers = await Promise.all([codeOf(crossing(1, 2)), codeOf(crossing(2, 1))])
    expect(answers.map(String).sort()).toEqual(['STORE_UNAVAILABLE', 'resolved with undefined'])
    expect(await effects()).toHaveLength(5)
  })
})
