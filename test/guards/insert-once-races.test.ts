import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { insertOnce, type SqlTx, upsert } from '../../src/guards/sql.ts'
import { ask, codeOf, type Database, gate, onEveryServer } from './databases.ts'

describe('insertOnce beside a rival', () => {
  onEveryServer((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql('CREATE TABLE {coupons} (order_id VARCHAR(40) PRIMARY KEY, pence INT, version INT)')
    })
    afterEach(() => db.close())

    const put = (tx: SqlTx, pence: number) =>
      insertOnce(tx, { table: db.table('coupons'), row: { order_id: '1100', pence }, key: 'order_id' })

    /** The first inserts and waits; the second begins meanwhile; then the first ends. */
    async function meeting(pence: number, end: 'commit' | 'roll back', second = db.transaction) {
      const inserted = gate()
      const finish = gate()
      const first = db.transaction(async (tx) => {
        await put(tx, 5)
        inserted.resolve()
        await finish.promise
        if (end === 'roll back') throw new Error('changed my mind')
      })
      await inserted.promise
      const outcome = codeOf(second((tx) => put(tx, pence)))
      // Whether it waits or not must make no difference; it is given the time to.
      await new Promise((resolve) => setTimeout(resolve, 50))
      finish.resolve()
      await first.catch(() => {})
      return outcome
    }

    it('waits for its end: committed', async () => {
      expect(await meeting(5, 'commit')).toBe('no error, but existed')
    })

    it('waits for its end: committed with another row', async () => {
      expect(await meeting(6, 'commit')).toBe('KEY_REUSED')
    })

    it('waits for its end: rolled back', async () => {
      expect(await meeting(6, 'roll back')).toBe('no error, but inserted')
    })

    it('in a snapshot from before the rival: finds its row, or is refused by the server', async () => {
      const old: Database['transaction'] = (work) =>
        db.snapshot(async (tx) => {
          await ask(tx, `SELECT * FROM ${db.table('coupons')}`)
          return work(tx)
        })
      // PostgreSQL cannot serialize this and says so; MySQL reads what is committed under the lock.
      expect(await meeting(5, 'commit', old)).toBe(dialect === 'postgres' ? '40001' : 'no error, but existed')
      expect(await db.sql('SELECT pence FROM {coupons}')).toEqual([{ pence: 5 }])
    })

    it('of many at once one inserts', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => db.transaction((tx) => put(tx, 5))))
      expect(all.toSorted()).toEqual([...Array(7).fill('existed'), 'inserted'])
    })

    it('of many versions at once the newest stays', async () => {
      const versions = [3, 8, 1, 7, 2, 6, 4, 5]
      await Promise.all(
        versions.map((version) =>
          db.transaction((tx) =>
            upsert(tx, {
              table: db.table('coupons'),
              row: { order_id: '1100', pence: version * 10, version },
              key: 'order_id',
              newer: 'version',
            }),
          ),
        ),
      )
      expect(await db.sql('SELECT pence, version FROM {coupons}')).toEqual([{ pence: 80, version: 8 }])
    })
  })
})
