import knex from 'knex'
import { expect, it } from 'vitest'
import { fromKnex } from '../../src/executors/index.ts'

const db = knex({ client: 'pg' })

/** What Knex would send, in place of an answer. */
const sent = fromKnex({
  isCompleted: () => false,
  raw: async (text, bindings) => ({ rows: [db.raw(text, bindings).toSQL().toNative()] }),
})

it('sends a question mark that is no placeholder as it is', async () => {
  const { rows } = await sent.query("SELECT body ? 'a', '?', $1::text", ['x'])
  expect(rows).toEqual([{ sql: "SELECT body ? 'a', '?', $1::text", bindings: ['x'] }])
})

it.each([String.raw`SELECT name ~ 'a\?$'`, String.raw`SELECT E'\\?', $1`])(
  'refuses %s, of which Knex would send another text',
  async (text) => {
    await expect(sent.query(text, ['x'])).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('give that text as a value'),
    })
  },
)
