import { expect, it } from 'vitest'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import type { OpenChannel } from './channel.ts'
import type { RabbitMessage } from './client.ts'
import { heldMessage } from './held.ts'
import { deliveryOf } from './message.ts'

const messageWith = (key: unknown): RabbitMessage => ({
  content: Buffer.from('x'),
  fields: { deliveryTag: 1, redelivered: false },
  properties: { messageId: 'a', headers: { [ORDERING_KEY_HEADER]: key } },
})

it.each([
  ['a text', '1100', '1100'],
  ['a number', 1100, '1100'],
  ['a truth value', true, 'true'],
  ['a table, which is no key', { order: 1100 }, undefined],
  ['bytes, which are no key', Buffer.from('1100'), undefined],
  ['nothing', undefined, undefined],
])('what the handler is shown as ordering key is what is honoured: %s', (_, header, key) => {
  const message = messageWith(header)
  const { orderingKey } = heldMessage(message, {} as OpenChannel)
  expect([orderingKey, deliveryOf('q', message, false).orderingKey]).toEqual([key, key])
})
