import { expect, it } from 'vitest'
import { operationId } from '../../core/key.ts'
import { expectedColumns, expectedIndexes } from './migrations.ts'
import type { PostgresPartitions } from './options.ts'
import { createPostgresStore } from './store.ts'

/** A store on a database whose tables are as they should be, with the records in partitions or not. */
function storeOn(
  { hasPartitions = false, array_nulls = 'on', read_only = 'off', isForeign = false },
  partitions?: PostgresPartitions,
) {
  const sent: string[] = []
  const columns = Object.entries(expectedColumns(hasPartitions))
  const answers: readonly (readonly [about: RegExp, rows: readonly object[]])[] = [
    [/server_encoding/, [{ encoding: 'UTF8', array_nulls }]],
    [/transaction_read_only/, [{ read_only }]],
    [
      /IN \('migrations', 'operations'\)/,
      [{ name: 'migrations' }, { name: 'operations', kind: hasPartitions ? 'p' : 'r' }],
    ],
    [/max\(version\)/, [{ version: 1 }]],
    [/pg_attribute a ON a.attrelid = c.oid/, columns.flatMap(([name, parts]) => parts.map((part) => ({ name, part })))],
    [/pg_indexes/, expectedIndexes(hasPartitions).map((name) => ({ name }))],
  ]
  const query = async (text: string) => {
    sent.push(text)
    if (isForeign && /max\(version\)/.test(text))
      throw Object.assign(new Error('column "version" does not exist'), { code: '42703' })
    return { rows: [...(answers.find(([about]) => about.test(text))?.[1] ?? [])] }
  }
  const client = { query, release: () => {} }
  const pool = { connect: async () => client, on: () => {}, removeListener: () => {} }
  return { store: createPostgresStore({ pool, ...(partitions && { partitions }) } as never), sent }
}

const partitions = { everyMs: 3_600_000, keep: 24 }

it.each([
  ['in partitions, which is not what the options say: give', { hasPartitions: true }, undefined],
  ['not in partitions, which is not what the options say: run `npx onlyonce migrate', {}, partitions],
])('check finds the records %s …, and nothing missing', async (said, database, options) => {
  const { store } = storeOn(database, options)
  const report = await store.check()
  expect(report).toMatchObject({ ok: false, version: 1, expected: 1, unfit: true })
  expect(report.problems).toEqual([expect.stringContaining(`the records are ${said}`)])
})

it.each([false, true])('migrate with dryRun: %s refuses tables in partitions without those options', async (dryRun) => {
  const { store, sent } = storeOn({ hasPartitions: true })
  await expect(store.migrate({ dryRun })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  expect(sent.filter((sql) => /CREATE|ALTER/.test(sql))).toEqual([])
})

it('check tells a setting of the server from tables that were changed', async () => {
  expect(await storeOn({ array_nulls: 'off' }).store.check()).toMatchObject({ ok: false, unfit: true })
  expect(await storeOn({}).store.check()).toEqual({ version: 1, expected: 1, ok: true, problems: [] })
})

it('says whose tables they are where a schema has a table of migrations of something else', async () => {
  const { store } = storeOn({ isForeign: true })
  const refused = {
    code: 'OPTION_INVALID',
    message: expect.stringMatching(/table `migrations` .* not of onlyonce.*: give .* a `schema` of its own/),
  }
  for (const work of [store.migrate(), store.check(), store.find([operationId('s', 'k')])])
    await expect(work).rejects.toMatchObject(refused)
})

it('check reports a server that takes no claims, and reads are not refused there', async () => {
  const { store } = storeOn({ read_only: 'on' })
  const problems = [expect.stringContaining('read-only, so nothing can be claimed there: connect to the primary')]
  expect(await store.check()).toMatchObject({ ok: false, unfit: true, problems })
  expect(await store.find([operationId('s', 'k')])).toEqual([undefined])
})
