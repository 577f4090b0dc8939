import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { onlyIf, type SqlRow, type UpsertOptions, upsert } from '../../src/guards/sql.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

describe('upsert and onlyIf', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql(
        'CREATE TABLE {prices} (sku VARCHAR(40) PRIMARY KEY, pence INT, version INT, name VARCHAR(40) UNIQUE)',
      )
    })
    afterEach(() => db.close())

    const put = (row: SqlRow, more: Partial<UpsertOptions> = {}) =>
      db.transaction((tx) => upsert(tx, { table: db.table('prices'), row, key: 'sku', ...more }))
    const rows = async () =>
      (await db.sql('SELECT sku, pence, version FROM {prices} ORDER BY sku')).map((row) => Object.values(row).join(' '))

    it('writes the row whether it is there or not, and the same again changes nothing', async () => {
      const row = { sku: 'mug', pence: 100, version: 1 }
      expect([await put(row), await put(row)]).toEqual(['written', 'written'])
      expect(await put({ ...row, pence: 120 })).toBe('written')
      expect(await put({ sku: 'cup', pence: 5, version: 1 })).toBe('written')
      expect(await rows()).toEqual(['cup 5 1', 'mug 120 1'])
    })

    it('writes a row that is nothing but its key', async () => {
      expect([await put({ sku: 'mug' }), await put({ sku: 'mug' })]).toEqual(['written', 'written'])
      expect(await rows()).toHaveLength(1)
    })

    it('with a version, the newer row stays, in whatever order they arrive', async () => {
      const of = (version: number, pence: number) => put({ sku: 'mug', pence, version }, { newer: 'version' })
      expect([await of(2, 200), await of(1, 100), await of(2, 200), await of(3, 300), await of(2, 200)]).toEqual([
        'written',
        'stale',
        'written',
        'written',
        'stale',
      ])
      expect(await rows()).toEqual(['mug 300 3'])
    })

    // It was once answered `written`, which the row was not: whoever believed that lost the change for good.
    it('with a version, the same version with other values changes nothing and says so', async () => {
      await put({ sku: 'mug', pence: 200, version: 2 }, { newer: 'version' })
      expect(await codeOf(put({ sku: 'mug', pence: 999, version: 2 }, { newer: 'version' }))).toBe('KEY_REUSED')
      expect(await rows()).toEqual(['mug 200 2'])
      expect(await codeOf(put({ sku: 'mug', pence: 1 }, { newer: 'version' }))).toBe('OPTION_INVALID')
    })

    it('never writes to the row of another key', async () => {
      await put({ sku: 'mug', pence: 100, version: 1, name: 'one' })
      const stranger = put({ sku: 'cup', pence: 5, version: 1, name: 'one' })
      expect(await codeOf(stranger)).toMatch(
        { sqlite: /SQLITE_CONSTRAINT|ERR_SQLITE_ERROR/, postgres: /23505/, mysql: /KEY_REUSED/ }[dialect],
      )
      expect(await rows()).toEqual(['mug 100 1'])
    })

    it('does not say written where the row of another key is met first', async () => {
      await db.sql('CREATE TABLE {mugs} (id INT PRIMARY KEY, sku VARCHAR(40) UNIQUE, version INT)')
      await db.sql(`INSERT INTO {mugs} VALUES (1, 'mug', 1), (2, 'cup', 1)`)
      const mug = (id: number, version: number, more: { newer?: 'version' } = {}) =>
        codeOf(
          db.transaction((tx) =>
            upsert(tx, { table: db.table('mugs'), row: { id, sku: 'mug', version }, key: 'sku', ...more }),
          ),
        )
      const refused = {
        sqlite: /SQLITE_CONSTRAINT|ERR_SQLITE_ERROR/,
        postgres: /23505/,
        mysql: /ER_DUP_ENTRY/,
      }[dialect]
      expect([await mug(2, 2), await mug(2, 2, { newer: 'version' })]).toEqual([
        expect.stringMatching(refused),
        expect.stringMatching(refused),
      ])
      // The version is there with another id, which is no duplicate of it.
      expect(await mug(2, 1, { newer: 'version' })).toBe('KEY_REUSED')
      expect(await mug(1, 1, { newer: 'version' })).toBe('no error, but written')
      expect(await mug(2, 0, { newer: 'version' })).toBe('no error, but stale')
      expect(await db.sql('SELECT id, sku, version FROM {mugs} ORDER BY id')).toEqual([
        { id: 1, sku: 'mug', version: 1 },
        { id: 2, sku: 'cup', version: 1 },
      ])
      expect(await mug(3, 1)).toBe('no error, but written')
    })

    it('refuses a key without a unique index', async () => {
      expect(await codeOf(put({ sku: 'mug', pence: 1 }, { key: 'pence' }))).toBe('OPTION_INVALID')
    })

    it('onlyIf applies a write once', async () => {
      await put({ sku: 'mug', pence: 100, version: 7 })
      const n = (nth: number) => (dialect === 'postgres' ? `$${nth}` : '?')
      const table = dialect === 'postgres' ? db.table('prices') : 'prices'
      const sql = `UPDATE ${table} SET pence = pence + 1, version = 8 WHERE sku = ${n(1)} AND version = ${n(2)}`
      const raise = () => db.transaction((tx) => onlyIf(tx, sql, ['mug', 7]))
      expect([await raise(), await raise()]).toEqual(['applied', 'skipped'])
      expect(await rows()).toEqual(['mug 101 8'])
      expect(await codeOf(db.transaction((tx) => onlyIf(tx, `UPDATE ${table} SET pence = 1`)))).toBe('OPTION_INVALID')
    })

    it('onlyIf takes one write with a condition, and nothing that only looks like it', async () => {
      await put({ sku: 'mug', pence: 100, version: 7 })
      const table = db.table('prices')
      const run = (sql: string) => codeOf(db.transaction((tx) => onlyIf(tx, sql)))
      for (const sql of [
        `UPDATE ${table} SET pence = 1 -- where`,
        `UPDATE ${table} SET sku = ' where '`,
        `UPDATE ${table} SET pence = 1 /* where */`,
        `SELECT sku FROM ${table} WHERE version = 7`,
        `UPDATE ${table} SET pence = (SELECT 1 WHERE 1 = 1)`,
        `DELETE FROM ${table} ORDER BY (SELECT 1 WHERE (1) = (1))`,
        `UPDATE ${table} SET pence = 1 WHERE version = 7; UPDATE ${table} SET pence = 2 WHERE version = 7`,
      ])
        expect(await run(sql), sql).toBe('OPTION_INVALID')
      expect(await rows()).toEqual(['mug 100 7'])
      const odd = `UPDATE ${table} SET pence = 5 WHERE sku <> 'a; b' AND version = 7 /* ; */ ; -- done`
      expect(await db.transaction((tx) => onlyIf(tx, odd))).toBe('applied')
      const inner = `UPDATE ${table} SET pence = (SELECT 6 WHERE (1) = 1) WHERE (version = (7))`
      expect(await db.transaction((tx) => onlyIf(tx, inner))).toBe('applied')
    })

    it.skipIf(dialect === 'mysql')('onlyIf takes a statement that returns rows, and the next one works', async () => {
      await put({ sku: 'mug', pence: 100, version: 7 })
      const sql = `UPDATE ${db.table('prices')} SET version = 8 WHERE version = 7 RETURNING sku`
      const twice = async () => db.transaction(async (tx) => [await onlyIf(tx, sql), await onlyIf(tx, sql)])
      expect(await twice()).toEqual(['applied', 'skipped'])
      expect(await twice()).toEqual(['skipped', 'skipped'])
    })
  })
})
