import { expect, it } from 'vitest'
import { RETRIES_HEADER } from '../headers.ts'
import type { RabbitMessage } from './client.ts'
import { copyOf, deliveryOf } from './message.ts'

const messageWith = (properties: Record<string, unknown>): RabbitMessage => ({
  content: Buffer.from('x'),
  fields: { deliveryTag: 1, redelivered: false },
  properties: { headers: {}, ...properties },
})

it.each([
  [undefined, 1],
  [2, 3],
  ['x', 1],
  [-1, 1],
  [Number.NaN, 1],
  [{ a: 1 }, 1],
])('a copy counts its journeys, whoever wrote %o there', (before, counted) => {
  const message = messageWith({ headers: { [RETRIES_HEADER]: before } })
  expect(copyOf(message, {}).headers).toMatchObject({ [RETRIES_HEADER]: counted })
})

it.each([
  ['a text', 'é-1', 'é-1'],
  ['bytes that are no text', Buffer.from([0, 0, 0, 0xc8]).toString('utf8'), ''],
  ['nothing', undefined, ''],
])('an id that is %s', (_, messageId, id) => {
  expect(deliveryOf('q', messageWith({ messageId }), false).id).toBe(id)
})
