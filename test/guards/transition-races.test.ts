import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type MysqlTx, type SqlTx, stateMachine, transition } from '../../src/guards/state-machine.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { ask, codeOf, type Database, gate, onEveryServer, openSqlite } from './databases.ts'

const order = stateMachine({
  name: 'order',
  states: ['unpaid', 'paid', 'completed', 'cancelled'],
  transitions: { unpaid: ['paid', 'cancelled'], paid: ['completed'] },
})
type To = 'paid' | 'completed' | 'cancelled'

describe('transition beside a rival', () => {
  onEveryServer((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql('CREATE TABLE {orders} (id INT PRIMARY KEY, state VARCHAR(20))')
      await db.sql("INSERT INTO {orders} VALUES (1, 'unpaid')")
    })
    afterEach(() => db.close())

    const go = (tx: SqlTx, to: To) => transition(tx, { machine: order, table: db.table('orders'), id: 1, to })

    /** The first moves and waits; the second comes meanwhile; then the first ends. */
    async function meeting(first: To, second: To, end: 'commit' | 'roll back', begin = db.transaction) {
      const moved = gate()
      const finish = gate()
      const leading = db.transaction(async (tx) => {
        await go(tx, first)
        moved.resolve()
        await finish.promise
        if (end === 'roll back') throw new Error('changed my mind')
      })
      await moved.promise
      const outcome = codeOf(begin((tx) => go(tx, second)))
      await new Promise((resolve) => setTimeout(resolve, 50))
      finish.resolve()
      await leading.catch(() => {})
      return outcome
    }

    it('the same event twice: one moves, the other one is absorbed', async () => {
      expect(await meeting('paid', 'paid', 'commit')).toBe('no error, but already')
    })

    it('the same event twice, and the first is undone: the other one moves', async () => {
      expect(await meeting('paid', 'paid', 'roll back')).toBe('no error, but moved')
    })

    it('two that exclude each other: the second is illegal', async () => {
      expect(await meeting('paid', 'cancelled', 'commit')).toBe('ILLEGAL_TRANSITION')
      expect(await db.sql('SELECT state FROM {orders}')).toEqual([{ state: 'paid' }])
    })

    it('one that the other makes legal comes through, or is told what it saw', async () => {
      expect(await meeting('paid', 'completed', 'commit')).toMatch(/moved|ILLEGAL_TRANSITION/)
    })

    it('in a snapshot from before the rival, the answer is about the row as it is, or the server refuses', async () => {
      const old: Database['transaction'] = (work) =>
        db.snapshot(async (tx) => {
          await ask(tx, `SELECT * FROM ${db.table('orders')}`)
          return work(tx)
        })
      expect(await meeting('paid', 'paid', 'commit', old)).toBe(
        dialect === 'postgres' ? '40001' : 'no error, but already',
      )
    })

    it('a rival that makes it legal between the UPDATE and the look at the row is noticed', async () => {
      const moved = db.transaction(async (tx) => {
        let wrote = 0
        return go(
          after(tx, async (sql) => {
            if (sql.startsWith('UPDATE') && ++wrote === 1) await db.sql("UPDATE {orders} SET state = 'paid'")
          }),
          'completed',
        )
      })
      expect(await moved).toBe('moved')
    })

    it('of many at once one moves', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => db.transaction((tx) => go(tx, 'paid'))))
      expect(all.toSorted()).toEqual([...Array(7).fill('already'), 'moved'])
    })
  })
})

/** The transaction itself, with something done after each statement. */
function after(tx: SqlTx, then: (sql: string) => Promise<void>): SqlTx {
  const wrapped = (name: 'query' | 'execute') => async (sql: string, values?: never[]) => {
    const answer = await (tx as MysqlTx)[name](sql, values)
    await then(sql)
    return answer
  }
  return 'execute' in tx
    ? { query: wrapped('query'), execute: wrapped('execute') }
    : ({ query: wrapped('query') } as never)
}

describe('transition among rivals that never rest', () => {
  /** Each UPDATE finds the row in a state that allows nothing, and each SELECT in one that allows it. */
  const harried = (tx: SqliteTx): SqliteTx => ({
    exec: (sql) => tx.exec(sql),
    prepare(sql) {
      const statement = tx.prepare(sql)
      if (!sql.startsWith('UPDATE')) return statement
      const run: typeof statement.run = (...values) => {
        tx.exec("UPDATE orders SET state = 'cancelled'")
        const answer = statement.run(...values)
        tx.exec("UPDATE orders SET state = 'unpaid'")
        return answer
      }
      return new Proxy(statement, { get: (target, name) => (name === 'run' ? run : Reflect.get(target, name)) })
    },
  })

  it('gives up, and the event that was in vain is none that has been handled', async () => {
    const db = await openSqlite()
    await db.sql('CREATE TABLE {orders} (id INT PRIMARY KEY, state VARCHAR(20))')
    await db.sql("INSERT INTO {orders} VALUES (1, 'unpaid')")
    await db.sql('CREATE TABLE {log} (event VARCHAR(40) PRIMARY KEY)')
    const pay = (tx: SqlTx) =>
      transition(tx, {
        machine: order,
        table: 'orders',
        id: 1,
        to: 'paid',
        history: { table: 'log', row: { event: 'e1' }, key: 'event' },
      })
    await db.transaction(async (tx) => {
      await expect(pay(harried(tx as SqliteTx))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('was changed by others 10 times'),
      })
    })
    expect(await db.transaction(pay)).toBe('moved')
    await db.close()
  })
})
