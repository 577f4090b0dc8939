import { describe, expect, it } from 'vitest'
import { later } from '../../test/support/leftovers.ts'
import { onlyonce } from '../index.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { checkFirst, onlyIf, reconcile } from './sql.ts'
import { judge, stateMachine, transition } from './state-machine.ts'
import { tokens } from './tokens.ts'

const invalid = (message: string) => ({ code: 'OPTION_INVALID', message: expect.stringContaining(message) })

/** The only row of a table, by work that should be refused. */
async function afterwards(work: (tx: SqliteTx) => Promise<unknown>) {
  const store = sqliteStore({ path: ':memory:' })
  later(() => store[Symbol.asyncDispose]())
  return store.transaction(async (tx) => {
    tx.exec(
      "CREATE TABLE prices (sku TEXT PRIMARY KEY, version INTEGER, price INTEGER, state TEXT DEFAULT 'new') STRICT",
    )
    tx.exec("INSERT INTO prices (sku, version, price) VALUES ('mug', 8, 120)")
    const thrown = await work(tx).catch((error: unknown) => error)
    return { thrown, row: Object.assign({}, tx.prepare('SELECT version, price, state FROM prices').get()) }
  })
}

describe('misspelt options of the natural ways', () => {
  it('onlyIf refuses what is no option, and writes nothing', async () => {
    const work = (tx: SqliteTx) => onlyIf(tx, 'DELETE FROM prices WHERE true', [], { dialekt: 'x' } as never)
    const { thrown, row } = await afterwards(work)
    expect(thrown).toMatchObject(invalid('option `dialekt` is not an option'))
    expect(row).toEqual({ version: 8, price: 120, state: 'new' })
  })

  it('a machine and a judgement say what they do not know', () => {
    const definition = { name: 'order', states: ['new'], transitions: {}, initial: 'new' }
    expect(() => stateMachine(definition)).toThrow(
      expect.objectContaining(invalid('option `initial` is not an option; there are name, states, transitions')),
    )
    expect(() => judge(undefined as never, 'new', 'new')).toThrow(expect.objectContaining(invalid('`machine`')))
    expect(() => reconcile({} as never, { sql: 'SELECT 1' })).toThrow(expect.objectContaining(invalid('transaction')))
    const source = { query: async () => ({ rows: [] }) }
    expect(() => reconcile(source, { sql: 'SELECT 1', values: [1] } as never)).toThrow(
      expect.objectContaining(invalid('option `values` must be a function')),
    )
  })

  it('transition asks for the machine, and onlyIf for a list', async () => {
    const { thrown } = await afterwards((tx) => transition(tx, { table: 'prices', id: 1, to: 'paid' } as never))
    expect(thrown).toMatchObject(invalid('option `machine` must be what stateMachine(…) answers'))
    const wrong = await afterwards((tx) => onlyIf(tx, 'DELETE FROM prices WHERE sku = ?', 'mug' as never))
    expect(wrong).toMatchObject({ thrown: invalid('option `values` must be a list'), row: { version: 8 } })
  })

  it('checkFirst asks for its judgement at once', () => {
    const once = onlyonce({ store: memoryStore(), scope: 'shop' })
    expect(() => checkFirst(once, undefined as never)).toThrow(expect.objectContaining(invalid('option `check`')))
    expect(() => checkFirst(memoryStore() as never, async () => ({ happened: false }))).toThrow(
      expect.objectContaining(invalid('option `once` must be an engine')),
    )
  })

  it('tokens takes null for no options', () => {
    expect(tokens(onlyonce({ store: memoryStore(), scope: 'shop' }), null as never)).toHaveProperty('redeem')
  })
})
