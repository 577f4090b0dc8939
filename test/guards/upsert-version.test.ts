import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SqlRow, type UpsertOptions, upsert } from '../../src/guards/sql.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

describe('upsert of a version that is there', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      const json = { sqlite: 'TEXT', postgres: 'jsonb', mysql: 'JSON' }[dialect]
      await db.sql(
        `CREATE TABLE {prices} (sku VARCHAR(40) PRIMARY KEY, pence DECIMAL(10, 2), version INT, name VARCHAR(40), doc ${json})`,
      )
    })
    afterEach(() => db.close())

    const put = (row: SqlRow, more: Partial<UpsertOptions> = {}) =>
      db.transaction((tx) =>
        upsert(tx, { table: db.table('prices'), row: { sku: 'mug', ...row }, key: 'sku', newer: 'version', ...more }),
      )
    const row = { version: 2, pence: '2.50', name: 'Mug', doc: { a: 1, b: [2] } }
    const names = async () => (await db.sql('SELECT name FROM {prices}')).map(({ name }) => name)

    it('is a duplicate with the same values, however they are spelled', async () => {
      expect([await put(row), await put(row)]).toEqual(['written', 'written'])
      expect(await put({ ...row, pence: 2.5, doc: { b: [2], a: 1 } })).toBe('written')
      expect(await put({ sku: 'mug', version: 2 })).toBe('written')
    })

    it.each([{ name: 'mug' }, { pence: 3 }, { name: null }, { doc: { a: 1 } }] satisfies SqlRow[])(
      'is refused with %j, and the row stays',
      async (other) => {
        await put(row)
        await expect(put({ ...row, ...other })).rejects.toMatchObject({
          code: 'KEY_REUSED',
          message: expect.stringMatching(/prices \(sku = "mug"\).*version 2.*differs in (name|pence|doc)/),
        })
        expect(await names()).toEqual(['Mug'])
        expect(await put({ ...row, ...other, version: 1 })).toBe('stale')
        expect(await put({ ...row, ...other, version: 3 })).toBe('written')
      },
    )

    it('may differ in columns that are not compared', async () => {
      await put(row)
      expect(await put({ ...row, name: 'heard again' }, { compare: ['pence'] })).toBe('written')
      expect(await put({ ...row, name: 'heard again' }, { compare: [] })).toBe('written')
      expect(await codeOf(put({ ...row, pence: 7 }, { compare: ['pence'] }))).toBe('KEY_REUSED')
      expect(await codeOf(put(row, { compare: ['nme'] }))).toBe('OPTION_INVALID')
      expect(await codeOf(put(row, { compare: ['name'], newer: undefined } as never))).toBe('OPTION_INVALID')
      expect(await names()).toEqual(['Mug'])
    })

    it.runIf(dialect === 'mysql')('is known again where the columns hold less than they are given', async () => {
      await db.sql(
        'CREATE TABLE {rough} (sku VARCHAR(40) PRIMARY KEY, version INT, ratio FLOAT, at DATETIME, note CHAR(9))',
      )
      const rough = (ratio: number, ms: number) =>
        db.transaction((tx) =>
          upsert(tx, {
            table: db.table('rough'),
            row: { sku: 'mug', version: 1, ratio, at: new Date(ms), note: 'x ' },
            key: 'sku',
            newer: 'version',
          }),
        )
      expect([await rough(0.1, 1_500), await rough(0.1, 1_500)]).toEqual(['written', 'written'])
      expect(await codeOf(rough(0.2, 1_500))).toBe('KEY_REUSED')
    })

    it('goes on in the transaction in which it was refused', async () => {
      await put(row)
      const after = await db.transaction(async (tx) => {
        const options = { table: db.table('prices'), key: 'sku', newer: 'version' } as const
        const refused = await codeOf(upsert(tx, { ...options, row: { sku: 'mug', ...row, name: 'no' } }))
        return [refused, await upsert(tx, { ...options, row: { sku: 'cup', version: 1 } })]
      })
      expect(after).toEqual(['KEY_REUSED', 'written'])
    })
  })
})
