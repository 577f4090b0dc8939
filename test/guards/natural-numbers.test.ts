import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { insertOnce, onlyIf, upsert } from '../../src/guards/sql.ts'
import { stateMachine, transition } from '../../src/guards/state-machine.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

const order = stateMachine({ name: 'order', states: ['unpaid', 'paid'], transitions: { unpaid: ['paid'] } })

describe('a number as a key', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql('CREATE TABLE {orders} (id VARCHAR(40) PRIMARY KEY, state VARCHAR(20))')
      await db.sql('CREATE TABLE {events} (id BIGINT PRIMARY KEY, state VARCHAR(20), share DECIMAL(10, 2))')
    })
    afterEach(() => db.close())

    const states = async (table: string) =>
      (await db.sql(`SELECT id, state FROM {${table}} ORDER BY id`)).map(({ id, state }) => `${id} ${state}`)

    it('is the same key as its text, in a column of text', async () => {
      const put = (id: number | bigint | string) =>
        db.transaction((tx) =>
          insertOnce(tx, { table: db.table('orders'), row: { id, state: 'unpaid' }, key: 'id', compare: [] }),
        )
      expect([await put(1100), await put('1100'), await put(1100n)]).toEqual(['inserted', 'existed', 'existed'])
      expect([await put('1101'), await put(1101)]).toEqual(['inserted', 'existed'])
      const pay = (id: number) =>
        db.transaction((tx) => transition(tx, { machine: order, table: db.table('orders'), id, to: 'paid' }))
      expect(await pay(1101)).toBe('moved')
      await db.transaction((tx) =>
        upsert(tx, { table: db.table('orders'), row: { id: 1100, state: 'gone' }, key: 'id' }),
      )
      expect(await states('orders')).toEqual(['1100 gone', '1101 paid'])
    })

    it('that JavaScript has rounded names no row', async () => {
      await db.sql("INSERT INTO {events} VALUES (1234567890123456768, 'unpaid', 1), (1234567890123456789, 'unpaid', 1)")
      const id = JSON.parse('1234567890123456789') as number
      const table = db.table('events')
      const of = (run: Parameters<Database['transaction']>[0]) => db.transaction(run)
      for (const refused of [
        () => of((tx) => transition(tx, { machine: order, table, id, to: 'paid' })),
        () => of((tx) => insertOnce(tx, { table, row: { id, state: 'paid' }, key: 'id', compare: [] })),
        () => of((tx) => upsert(tx, { table, row: { id: -id, state: 'paid' }, key: ['id'] })),
      ]) {
        await expect(refused()).rejects.toMatchObject({
          code: 'KEY_INVALID',
          message: expect.stringContaining('bigint'),
        })
      }
      const exact = 1234567890123456789n
      expect(await of((tx) => transition(tx, { machine: order, table, id: exact, to: 'paid' }))).toBe('moved')
      expect(await states('events')).toHaveLength(2)
      const counted = await db.sql(
        "SELECT COUNT(*) AS n FROM {events} WHERE state = 'paid' AND id = 1234567890123456789",
      )
      expect(Number(counted[0]?.n)).toBe(1)
    })

    it('of other columns keeps its value, with fractions and without', async () => {
      const table = db.table('events')
      for (const share of [3, 2.5, -0, 12345678]) {
        const put = () => db.transaction((tx) => insertOnce(tx, { table, row: { id: 1, share }, key: 'id' }))
        expect([await put(), await put()]).toEqual(['inserted', 'existed'])
        await db.sql('DELETE FROM {events}')
      }
      await db.sql("INSERT INTO {events} VALUES (1, 'unpaid', 3)")
      const at = (nth: number) => (dialect === 'postgres' ? `$${nth}` : '?')
      const pay = `UPDATE ${table} SET state = 'paid' WHERE id = ${at(1)} AND share = ${at(2)}`
      expect(await codeOf(db.transaction((tx) => onlyIf(tx, pay, [1, 3])))).toBe('no error, but applied')
    })
  })
})
