import { describe, expect, it } from 'vitest'
import { later } from '../../test/support/leftovers.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { insertOnce, type SqlTx, upsert } from './sql.ts'
import { stateMachine, transition } from './state-machine.ts'

const order = stateMachine({
  name: 'order',
  states: ['unpaid', 'paid', 'refunded'],
  transitions: { unpaid: ['paid'], paid: ['refunded'] },
})

const twice = (names: string) => ({ code: 'OPTION_INVALID', message: expect.stringContaining(names) })

/** What is thrown, and the rows afterwards. */
async function afterwards(work: (tx: SqliteTx) => Promise<unknown>) {
  const store = sqliteStore({ path: ':memory:' })
  later(() => store[Symbol.asyncDispose]())
  return store.transaction(async (tx) => {
    tx.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT DEFAULT 'unpaid', pence INTEGER)")
    tx.exec('INSERT INTO orders (id, pence) VALUES (1100, 5)')
    const thrown = await work(tx).catch((error: unknown) => error)
    return {
      thrown,
      rows: tx
        .prepare('SELECT * FROM orders')
        .all()
        .map((row) => Object.assign({}, row)),
    }
  })
}

const before = [{ id: 1100, state: 'unpaid', pence: 5 }]

describe('a column that is named twice, once in other letters', () => {
  it('does not move a row past the state that was asked for', async () => {
    const { thrown, rows } = await afterwards((tx) =>
      transition(tx, { machine: order, table: 'orders', id: 1100, to: 'paid', set: { State: 'refunded' } }),
    )
    expect(rows).toEqual(before)
    expect(thrown).toMatchObject(twice('`State`'))
  })

  it('writes no row under another key than the one that is asked about', async () => {
    const inserted = await afterwards((tx) =>
      insertOnce(tx, { table: 'orders', row: { id: 1101, ID: 1102, pence: 7 }, key: 'id' }),
    )
    expect(inserted.rows).toEqual(before)
    expect(inserted.thrown).toMatchObject(twice('`id` and `ID`'))
    const upserted = await afterwards((tx) =>
      upsert(tx, { table: 'orders', row: { id: 1100, pence: 6, Pence: 7 }, key: 'id' }),
    )
    expect(upserted.rows).toEqual(before)
    expect(upserted.thrown).toMatchObject(twice('`pence` and `Pence`'))
  })

  it('is refused on MySQL before anything is asked, and is two columns on PostgreSQL', async () => {
    const asked: string[] = []
    const query = async (sql: string) => {
      asked.push(sql)
      return { rows: [{}], rowCount: 1 }
    }
    const go = (tx: SqlTx) =>
      transition(tx, { machine: order, table: 'orders', id: 1100, to: 'paid', set: { State: 'x' } })
    const mysql = { query, execute: query } as unknown as SqlTx
    await expect(go(mysql)).rejects.toMatchObject(twice('`State`'))
    expect(asked).toEqual([])
    expect(await go({ query })).toBe('moved')
    expect(asked).toEqual([expect.stringContaining('SET "state" = $1, "State" = $2')])
  })
})
