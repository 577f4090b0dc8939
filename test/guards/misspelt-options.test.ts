import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkFirst, classify, insertOnce, onlyIf, reconcile, upsert } from '../../src/guards/sql.ts'
import { stateMachine, transition } from '../../src/guards/state-machine.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { type SqliteStore, sqliteStore } from '../../src/stores/sqlite/index.ts'

const machine = stateMachine({ name: 'order', states: ['unpaid', 'paid'], transitions: { unpaid: ['paid'] } })
const row = { id: 1, state: 'unpaid', version: 3 }
const insertion = { table: 'orders', row, key: 'id' }
const move = { machine, table: 'orders', id: 1, to: 'paid' }

/** The calls as from JavaScript, which no compiler has seen. */
const guards: Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>> = {
  insertOnce: insertOnce as never,
  upsert: upsert as never,
  transition: transition as never,
}

describe('guards refuse what they would otherwise overlook, and write nothing', () => {
  let store: SqliteStore
  beforeEach(async () => {
    store = sqliteStore({ path: ':memory:' })
    await store.transaction(async (tx) => {
      tx.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT, version INTEGER) STRICT')
      tx.exec("INSERT INTO orders VALUES (1, 'unpaid', 5)")
    })
  })
  afterEach(() => store[Symbol.asyncDispose]())

  it.each([
    ['upsert', { ...insertion, newr: 'version' }, 'option `newr` is not an option'],
    ['upsert', { ...insertion, newer: 'version', compare: 'state' }, 'option `compare` must be a list of columns'],
    ['insertOnce', { ...insertion, comapre: [] }, 'option `comapre` is not an option'],
    ['insertOnce', { ...insertion, compare: 'state' }, 'option `compare` must be a list of columns'],
    ['insertOnce', undefined, 'option `row` must be an object of columns'],
    ['transition', { ...move, histroy: { table: 'log', row, key: 'id' } }, 'option `histroy` is not an option'],
    ['transition', { ...move, history: { ...insertion, rows: [] } }, 'option `history.rows` is not an option'],
    ['transition', { ...move, set: null }, 'option `set` must be an object of columns'],
    ['transition', { ...move, set: Promise.resolve({ version: 6 }) }, 'option `set` must be an object of columns'],
    ['transition', { ...move, machine: { name: 'order' } }, 'option `machine` must be what stateMachine'],
    ['transition', undefined, 'option `machine` must be what stateMachine'],
  ])('%s, %#', async (name, options, message) => {
    const call = store.transaction((tx) => guards[name]?.(tx, options) as Promise<unknown>)
    await expect(call).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining(message) })
    const kept = await store.transaction(async (tx) => tx.prepare('SELECT * FROM orders').all())
    expect(kept).toMatchObject([{ id: 1, state: 'unpaid', version: 5 }])
  })
})

describe('judgements and classify refuse them, too', () => {
  const lend = ((work: unknown) => work) as never
  const once = onlyonce({ store: memoryStore(), scope: 'shop' })
  const check = async () => ({ happened: false }) as const
  const sql = 'SELECT 1'

  it.each<[string, () => unknown]>([
    ['option `vals` is not an option', () => reconcile(lend, { sql, vals: () => [] } as never)],
    ['option `values` must be a function', () => reconcile(lend, { sql, values: ['key'] as never })],
    ['option `value` must be a function', () => reconcile(lend, { sql, value: 1 as never })],
    ['option `sql` must be a SELECT', () => reconcile(lend, undefined as never)],
    ['the first argument must be a transaction', () => reconcile(undefined as never, { sql })],
    [
      'option `values` must answer a list',
      () => reconcile(lend, { sql, values: () => 'key' as never })({ scope: 'shop', key: 'a' }),
    ],
    ['option `check` is required: a function', () => checkFirst(once, undefined as never)],
    ['option `once` must be an engine', () => checkFirst(memoryStore() as never, check)],
    ['option `dialekt` is not an option', () => classify('SELECT 1', { dialekt: 'mysql' } as never)],
    ['option `dialekt` is not an option', () => onlyIf({} as never, sql, [], { dialekt: 'mysql' } as never)],
  ])('%s', async (message, call) => {
    const error = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(message) })
    await expect((async () => call())()).rejects.toEqual(error)
  })
})
