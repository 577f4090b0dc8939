import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SqlRow, type UpsertOptions, upsert } from '../../src/guards/sql.ts'
import { codeOf, type Database, gate, onEveryServer } from './databases.ts'

describe('upsert beside a rival', () => {
  onEveryServer((open) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql(
        'CREATE TABLE {prices} (sku VARCHAR(40) PRIMARY KEY, pence INT, version INT, name VARCHAR(9) UNIQUE)',
      )
    })
    afterEach(() => db.close())

    const put = (row: SqlRow, newer: Pick<UpsertOptions, 'newer'> = { newer: 'version' }) =>
      db.transaction((tx) =>
        upsert(tx, { table: db.table('prices'), row: { sku: 'mug', ...row } as SqlRow, key: 'sku', ...newer }),
      )
    const rows = async () => (await db.sql('SELECT pence, version FROM {prices}')).map((row) => Object.values(row))

    it('of many versions at once the newest stays', async () => {
      const versions = [3, 1, 8, 5, 2, 7, 4, 6, 8, 8]
      const answers = await Promise.all(versions.map((version) => codeOf(put({ version, pence: version * 100 }))))
      expect(await rows()).toEqual([[800, 8]])
      expect(answers.filter((answer) => !/written|stale/.test(answer))).toEqual([])
    })

    it('of many with one version and other values one is written', async () => {
      const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((pence) => codeOf(put({ version: 1, pence }))))
      expect(answers.toSorted()).toEqual([...Array(5).fill('KEY_REUSED'), 'no error, but written'])
    })

    it('of many without a version the last one stays, and all are written', async () => {
      const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((pence) => codeOf(put({ version: 1, pence }, {}))))
      expect(answers).toEqual(Array(6).fill('no error, but written'))
      expect(await rows()).toHaveLength(1)
    })

    it('waits for it, and is told what it left', async () => {
      const wrote = gate()
      const finish = gate()
      const leading = db.transaction(async (tx) => {
        await upsert(tx, { table: db.table('prices'), row: { sku: 'mug', pence: 5, version: 2 }, key: 'sku' })
        wrote.resolve()
        await finish.promise
      })
      await wrote.promise
      const answers = [put({ pence: 5, version: 2 }), put({ pence: 6, version: 2 }), put({ pence: 6, version: 1 })]
      const told = Promise.all(answers.map(codeOf))
      await new Promise((resolve) => setTimeout(resolve, 50))
      finish.resolve()
      await leading
      expect(await told).toEqual(['no error, but written', 'KEY_REUSED', 'no error, but stale'])
    })
  })
})
