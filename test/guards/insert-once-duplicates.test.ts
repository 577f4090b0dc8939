import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { insertOnce, onlyIf, type SqlTx, type SqlValue, upsert } from '../../src/guards/sql.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { codeOf } from './databases.ts'

describe('insertOnce knows a duplicate in a column', () => {
  describeWith('postgres', (url) => {
    let db: Awaited<ReturnType<typeof testDatabase>>
    beforeEach(async () => {
      db = await testDatabase(url)
    })
    afterEach(() => db.close())

    /** A type; what is given twice; the same in another spelling; what is something else. */
    const kinds: [type: string, value: SqlValue, same: SqlValue, other: SqlValue][] = [
      ['text[]', '{a,b}', '{"a", "b"}', '{a,B}'],
      ['text[]', '{}', '{ }', '{a}'],
      ['int[]', '{1,2}', '{ 1, 2 }', '{1,3}'],
      ['interval', '1 day', '1 days', '2 days'],
      ['int4range', '[1,5)', '[1,4]', '[1,6)'],
      ['json', '"x"', ' "x" ', '"y"'],
      ['json', '1.0', '1', '1.5'],
      ['json', 'true', ' true', 'false'],
      ['json', '{"a": [1, null]}', '{"a":[1,null]}', '{"a":[1]}'],
      ['jsonb', '"x"', ' "x"', '"y"'],
      ['jsonb', '{}', '{ }', '{"a": 1}'],
      ['bytea', '\\x00ff', '\\x00FF', '\\x01ff'],
      ['numeric', '10', '10.00', '10.01'],
      ['bigint', 9007199254740993n, '9007199254740993', 9007199254740992n],
      ['double precision', '0.10', 0.1, 0.2],
      ['inet', '10.0.0.1', '10.0.0.1/32', '10.0.0.2'],
      ['point', '(1,2)', '( 1, 2 )', '(1,3)'],
      ['timestamptz', '2026-11-21T08:00:00Z', '2026-11-21 09:00:00+01', '2026-11-21T08:00:01Z'],
    ]
    it.each(kinds)('of type %s that was given %s', async (type, value, same, other) => {
      await db.sql(`CREATE TABLE "${db.schema}".kinds (id int PRIMARY KEY, value ${type})`)
      const client = await db.pool.connect()
      await client.query('BEGIN')
      const put = (given: SqlValue) =>
        codeOf(insertOnce(client, { table: `${db.schema}.kinds`, row: { id: 1, value: given }, key: 'id' }))
      const answers = [await put(value), await put(value), await put(same), await put(other), await put(value)]
      await client.query('ROLLBACK')
      client.release()
      const existed = 'no error, but existed'
      expect(answers).toEqual(['no error, but inserted', existed, existed, 'KEY_REUSED', existed])
    })
  })

  /** As node:sqlite does it, which not every runtime has. */
  function strict(db: Libsql.Database): SqlTx {
    return {
      exec: (sql: string) => db.exec(sql),
      prepare(sql: string) {
        const compiled = db.prepare(sql)
        let isBig = false
        return {
          run: (...params: unknown[]) => compiled.run(...params),
          get: (...params: unknown[]) => compiled.get(...params),
          all(...params: unknown[]) {
            const rows = compiled.safeIntegers(true).all(...params) as Record<string, unknown>[]
            return rows.map((row) =>
              Object.fromEntries(Object.entries(row).map(([name, one]) => [name, plain(one, isBig)])),
            )
          },
          setReadBigInts(on: boolean) {
            isBig = on
          },
        }
      },
    }
  }

  function plain(value: unknown, isBig: boolean): unknown {
    if (typeof value !== 'bigint' || isBig) return value
    if (Number.isSafeInteger(Number(value))) return Number(value)
    throw Object.assign(new RangeError('The value of column 0 is too large'), { code: 'ERR_OUT_OF_RANGE' })
  }

  it('of 64 bits, on a connection that rounds no integer', async () => {
    const db = new Libsql(':memory:')
    db.exec('CREATE TABLE big (id INTEGER PRIMARY KEY, v INTEGER, n INTEGER)')
    const tx = strict(db)
    const row = { id: 1234567890123456789n, v: 9007199254740993n, n: 1 }
    const put = (more: object = {}) => codeOf(insertOnce(tx, { table: 'big', row: { ...row, ...more }, key: 'id' }))
    expect([await put(), await put(), await put({ v: 9007199254740992n }), await put({ n: 2 })]).toEqual([
      'no error, but inserted',
      'no error, but existed',
      'KEY_REUSED',
      'KEY_REUSED',
    ])
    const newer = () => upsert(tx, { table: 'big', row, key: 'id', newer: 'v' })
    expect(await newer()).toBe('written')
    const sql = 'UPDATE big SET n = n + 1 WHERE id = ? RETURNING id'
    expect(await codeOf(onlyIf(tx, sql, [row.id]))).toBe('no error, but applied')
    expect(db.prepare('SELECT n FROM big').all()).toEqual([{ n: 2 }])
    db.close()
  })
})
