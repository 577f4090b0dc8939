import { expect, it } from 'vitest'
import { EXPECTED_COLUMNS, EXPECTED_INDEXES } from './migrations.ts'
import { createMysqlStore } from './store.ts'

/** A store on a database whose tables are as they should be; `settings` are variables of its connections. */
function storeWith(settings: Readonly<Record<string, unknown>>, isThere = true) {
  const sent: string[] = []
  const shown = Object.entries({ version: '8.4.0', sql_select_limit: '18446744073709551615', ...settings })
  const columns = Object.entries(EXPECTED_COLUMNS)
  const answers: readonly (readonly [about: RegExp, rows: readonly object[]])[] = [
    [/^SHOW VARIABLES/, shown.map(([Variable_name, Value]) => ({ Variable_name, Value }))],
    [/GET_LOCK/, [{ got: 1 }]],
    [/MAX\(version\)/, [{ version: 1 }]],
    [/information_schema\.columns/, columns.flatMap(([name, parts]) => parts.map((part) => ({ name, part })))],
    [
      /information_schema\.statistics/,
      EXPECTED_INDEXES.map((index) => index.split('.')).map(([name, part]) => ({ name, part })),
    ],
  ]
  const query = async (text: string) => {
    sent.push(text)
    if (!isThere && /MAX\(version\)/.test(text)) throw Object.assign(new Error('no such database'), { errno: 1049 })
    return [answers.find(([about]) => about.test(text))?.[1] ?? []]
  }
  const client = { query, execute: query, release: () => {}, destroy: () => {} }
  const store = createMysqlStore({ pool: { getConnection: async () => client } as never, database: 'shop' })
  return { store, sent }
}

const UNFIT = [
  ['autocommit', { autocommit: 'OFF' }],
  ['sql_safe_updates', { sql_safe_updates: 'ON' }],
  ['READ UNCOMMITTED', { transaction_isolation: 'READ-UNCOMMITTED' }],
] as const

it.each(UNFIT)('check reports %s, with which the store cannot be used', async (name, settings) => {
  const report = await storeWith(settings).store.check()
  expect(report).toMatchObject({ ok: false, version: 1, unfit: true })
  expect(report.problems).toEqual([expect.stringMatching(new RegExp(`^the connections of the pool have .*${name}`))])
})

it.each([false, true])(
  'migrate with dryRun: %s refuses such connections before it changes anything',
  async (dryRun) => {
    const { store, sent } = storeWith({ autocommit: 'OFF' })
    await expect(store.migrate({ dryRun })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(sent.filter((sql) => !sql.startsWith('SHOW'))).toEqual([])
  },
)

it('finds nothing wrong with the usual settings', async () => {
  const { store } = storeWith({ autocommit: 'ON', transaction_isolation: 'REPEATABLE-READ' })
  expect(await store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
  expect(await store.migrate()).toEqual({ from: 1, to: 1, statements: [] })
})

it.each(['read_only', 'super_read_only', 'innodb_read_only', 'tx_read_only', 'transaction_read_only'])(
  'check reports %s, under which nothing can be claimed',
  async (name) => {
    const problems = [expect.stringContaining(`read-only (${name}), so nothing should be claimed there: connect to`)]
    expect(await storeWith({ [name]: 'ON' }).store.check()).toMatchObject({ ok: false, unfit: true, problems })
    expect(await storeWith({ [name]: 'OFF' }).store.check()).toMatchObject({ ok: true })
  },
)

it('a dry run answers what is then done, also where there is no database', async () => {
  const { store, sent } = storeWith({}, false)
  const { statements } = await store.migrate({ dryRun: true })
  expect(statements[0]).toBe('CREATE DATABASE `shop`')
  expect(sent.filter((sql) => sql.startsWith('CREATE'))).toEqual([])
  expect((await store.migrate()).statements).toEqual(statements)
  expect(sent.filter((sql) => statements.includes(sql))).toEqual(statements)
})
