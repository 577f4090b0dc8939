import mysql from 'mysql2/promise'
import { beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { MysqlPool } from '../../src/stores/mysql/client.ts'
import { later, tidily } from '../support/leftovers.ts'
import { isCommit, type TestDatabase, testDatabase } from '../support/mysql.ts'
import { createProxy } from '../support/proxy.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

/** The answer to COMMIT is lost: the server has done it, or it never came there. */
describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
    await database.sql('CREATE TABLE effects (name VARCHAR(60))')
  })

  const effects = async () => (await database.sql('SELECT name FROM effects')).map(({ name }) => name)
  const insert = (name: string) => `INSERT INTO effects VALUES ('${name}')`
  const refused = () => {
    throw new Error('refused')
  }

  async function throughProxy() {
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (it) => it.close())
    const through = new URL(database.url)
    through.port = String(proxy.port)
    const pool = tidily(mysql.createPool({ uri: through.href, connectionLimit: 3 }), (it) => it.end())
    const store = database.store({ pool, timeoutMs: 3_000, lockWaitMs: 1_000 })
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    await once.atomic('warm', () => {})
    /** From here on the first COMMIT is lost on its way, or its answer is. */
    const lose = (which: 'answer' | 'request') => {
      let lost = 0
      proxy.onRequest = (chunk) => {
        if (!isCommit(chunk) || lost++ > 0) return undefined
        if (which === 'request') return 'cut'
        proxy.dropReplies()
        return undefined
      }
    }
    return { store, once, lose }
  }

  it('is found out by a claim that stands, when a later one was undone', async () => {
    const { store, once, lose } = await throughProxy()
    for (const [which, answer, left] of [
      ['answer', 'resolved with "done"', ['a', 'in a']],
      ['request', expect.objectContaining({ code: 'PROTOCOL_CONNECTION_LOST' }), []],
    ] as const) {
      lose(which)
      const work = store.transaction(async (tx) => {
        await tx.query(insert('a'))
        await once.atomic(`${which} a`, async (inner) => void (await inner.query(insert('in a'))), { tx })
        await once.atomic(`${which} b`, refused, { tx }).catch(() => {})
        return 'done'
      })
      expect(await codeOf(work)).toEqual(answer)
      expect(await effects()).toEqual(left)
      expect((await once.find(`${which} b`))?.state).toBeUndefined()
      await database.sql('DELETE FROM effects')
    }
  })

  it.each(['with its effect', 'to a savepoint of the caller'])(
    'is OUTCOME_UNKNOWN when the only claim was undone %s',
    async (how) => {
      const { store, once, lose } = await throughProxy()
      for (const [which, left] of [
        ['answer', ['before']],
        ['request', []],
      ] as const) {
        lose(which)
        const work = store.transaction(async (tx) => {
          await tx.query(insert('before'))
          if (how === 'with its effect') return once.atomic('key', refused, { tx }).catch(() => {})
          await tx.query('SAVEPOINT mine')
          await once.atomic('key', () => {}, { tx })
          await tx.query('rollback to savepoint mine')
        })
        expect([await codeOf(work), await effects()]).toEqual(['OUTCOME_UNKNOWN', left])
        await database.sql('DELETE FROM effects')
      }
    },
  )

  it('is found out by any claim of a batch, also of a later one, and by the claim that keeps an error', async () => {
    const { store, once, lose } = await throughProxy()
    lose('answer')
    const kinds = await once.atomic.batch(['a', 'b', 'c'], (tx) => tx.query(insert('batch')))
    expect(kinds.map(({ kind }) => kind)).toEqual(['executed', 'executed', 'executed'])
    const keeping = onlyonce({ store, scope: 'test', onThrow: () => 'remember' })
    lose('answer')
    await expect(keeping.atomic('failing', refused)).rejects.toThrow('refused')
    expect((await once.find('failing'))?.state).toBe('done')
    expect(await effects()).toEqual(['batch'])
    lose('request')
    expect(await codeOf(keeping.atomic('failing too', refused))).toBe('STORE_UNAVAILABLE')
  })

  it('is OUTCOME_UNKNOWN for a transaction of the store whose only claim is a duplicate', async () => {
    const { store, once, lose } = await throughProxy()
    await once.atomic('key', () => 'paid')
    lose('answer')
    const work = store.transaction(async (tx) => {
      await tx.query(insert('beside'))
      await once.atomic('key', () => 'again', { tx })
    })
    expect(await codeOf(work)).toBe('OUTCOME_UNKNOWN')
  })

  it('does not matter to a duplicate, which is answered with what was stored', async () => {
    const { once, lose } = await throughProxy()
    await once.atomic('key', () => 'paid')
    for (const which of ['answer', 'request'] as const) {
      lose(which)
      expect(await codeOf(once.atomic('key', () => 'again'))).toBe('resolved with "paid"')
    }
  })

  it.each([
    ['after', 'COMMIT; KILL QUERY CONNECTION_ID(); END', 'resolved with "done"', 'OUTCOME_UNKNOWN', ['a', 'b']],
    [
      'before',
      'KILL QUERY CONNECTION_ID(); COMMIT; END',
      expect.objectContaining({ errno: 1317 }),
      'OUTCOME_UNKNOWN',
      [],
    ],
  ])(
    'is found out when the server is told to stop it %s it has committed',
    async (_, stopped, claiming, plain, left) => {
      const pool: MysqlPool = Object.assign(Object.create(database.pool), {
        async getConnection() {
          const connection = await database.pool.getConnection()
          return {
            query: (sql: string, values?: unknown[]) => connection.query(sql.replace(/COMMIT; END$/, stopped), values),
            execute: (sql: string, values?: []) => connection.execute(sql, values),
            release: () => connection.release(),
            destroy: () => connection.destroy(),
          }
        },
      })
      const store = database.store({ pool })
      const once = onlyonce({ store, scope: 'test' })
      const withClaim = store.transaction(async (tx) => {
        await tx.query(insert('a'))
        await once.atomic('key', () => {}, { tx })
        return 'done'
      })
      expect(await codeOf(withClaim)).toEqual(claiming)
      expect(await codeOf(store.transaction(async (tx) => void (await tx.query(insert('b')))))).toBe(plain)
      expect(await effects()).toEqual(left)
    },
  )
})
