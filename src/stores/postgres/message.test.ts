import { expect, it } from 'vitest'
import { asMessenger } from './message.ts'

const connection = { parsedStatements: {}, bind() {} }

it.each<[string, object, boolean]>([
  ['pg', { connection }, true],
  ['pg in pipeline mode', { connection, pipeline: true }, false],
  ['pg before 8.2, whose messages share a buffer', { connection: { ...connection, writer: {} } }, false],
  ['another client', { query() {} }, false],
])('%s takes messages of our own: %#', (_, client, takes) => {
  expect(asMessenger(client)).toBe(takes ? client : undefined)
})
