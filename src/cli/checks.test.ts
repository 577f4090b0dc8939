import { expect, it } from 'vitest'
import type { SchemaReport } from '../stores/sql/schema.ts'
import { checksOf } from './checks.ts'
import type { StoreAtHand } from './store.ts'

const schemaOf = async (report: Partial<SchemaReport>) => {
  const check = async () => ({ version: 1, expected: 1, ok: false, problems: ['it is so: do that'], ...report })
  return checksOf({ name: 'postgres', schema: { check } } as unknown as StoreAtHand, ' --store URL')
}

it('a schema that was changed by hand is restored from a backup', async () => {
  expect(await schemaOf({})).toEqual([
    { name: 'schema', status: 'failed', detail: 'it is so: do that: restore it from a backup' },
  ])
})

it.each([{}, { version: 0 }])(
  'what the store cannot be used with is told as it is, and needs no backup',
  async (more) => {
    expect(await schemaOf({ unfit: true, ...more })).toEqual([
      { name: 'schema', status: 'failed', detail: 'it is so: do that' },
    ])
  },
)
