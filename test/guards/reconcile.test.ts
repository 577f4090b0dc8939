import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkFirst, insertOnce, type Judgement, reconcile, type SqlSource } from '../../src/guards/sql.ts'
import { onlyonce, operationId } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

/** "Does a coupon for order 1100 exist?" */
describe('a business judgement', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql('CREATE TABLE {coupons} (order_id VARCHAR(40) PRIMARY KEY, pence INT)')
    })
    afterEach(() => db.close())

    const grant = (order: string, pence = 500) =>
      db.transaction((tx) =>
        insertOnce(tx, { table: db.table('coupons'), row: { order_id: order, pence }, key: 'order_id' }),
      )
    const couponExists = (source: SqlSource = (work) => db.transaction(work)) =>
      reconcile(source, {
        sql: `SELECT order_id, pence FROM ${db.table('coupons')} WHERE order_id = ${dialect === 'postgres' ? '$1' : '?'}`,
        values: ({ key }) => [key.replace('order:', '')],
        value: (row) => ({ pence: Number(row.pence) }),
      })

    it('decides what became of an abandoned operation', async () => {
      const runtime = fakeRuntime()
      const store = memoryStore({ runtime })
      const once = onlyonce({ store, scope: 'coupons', leaseMs: 3_000, onAbandoned: couponExists(), runtime })
      let runs = 0
      const abandon = async (key: string) => {
        const id = operationId('coupons', key)
        const claim = { id, scope: 'coupons', key, fingerprint: '', owner: 'gone', leaseMs: 3_000, retentionMs: 60_000 }
        await store.claim([claim])
        await runtime.advance(3_001)
      }
      const give = (key: string) =>
        once(key, () => {
          runs++
          return { pence: 1 }
        })
      await grant('1100')
      await abandon('order:1100')
      expect([await give('order:1100'), runs]).toEqual([{ pence: 500 }, 0])
      await abandon('order:1101')
      expect([await give('order:1101'), runs]).toEqual([{ pence: 1 }, 1])
    })

    it('knows an operation whose record is gone, before there is a claim', async () => {
      const once = onlyonce({ store: memoryStore(), scope: 'coupons' })
      const give = checkFirst(once, couponExists())
      let runs = 0
      const effect = async () => {
        runs++
        await grant('1100')
        return { pence: 500 }
      }
      expect([await give('order:1100', effect), await give({ key: 'order:1100' }, effect), runs]).toEqual([
        { pence: 500 },
        { pence: 500 },
        1,
      ])
      await once.forget('order:1100')
      expect([await give('order:1100', effect), runs]).toEqual([{ pence: 500 }, 1])
      expect(await once.find('order:1100')).toBeUndefined()
      expect(await codeOf(give('order:undefined', effect))).toBe('KEY_INVALID')
    })

    it('an abandoned operation stays unknown when the database cannot be asked', async () => {
      const judge = couponExists(() => Promise.reject(new Error('the database is down')))
      await expect(judge({ scope: 's', key: 'order:1' })).rejects.toThrow('down')
      await expect(async () =>
        reconcile((work) => db.transaction(work), { sql: 'DELETE FROM coupons' }),
      ).rejects.toThrow('must be a SELECT')
    })

    it('that answers neither yes nor no lets nothing run', async () => {
      const once = onlyonce({ store: memoryStore(), scope: 'coupons' })
      const give = checkFirst(once, (async () => true) as unknown as Judgement)
      expect(await codeOf(give('a', () => expect.fail('ran')))).toBe('OUTCOME_UNKNOWN')
      expect(await once.find('a')).toBeUndefined()
    })

    it('may ask a transaction directly', async () => {
      await grant('1100')
      const judged = await db.transaction((tx) => couponExists(tx)({ scope: 's', key: 'order:1100' }))
      expect(judged).toEqual({ happened: true, value: { pence: 500 } })
    })
  })
})
