import { headers } from '@nats-io/nats-core'
import { expect, it } from 'vitest'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import type { NatsMessage } from './client.ts'
import { orderingKeyOf } from './message.ts'

function keyBy(bySubject: (subject: string) => unknown): string | undefined {
  const own = headers()
  own.append(ORDERING_KEY_HEADER, 'of the header')
  const message = { subject: 'orders.7.paid' } as NatsMessage
  return orderingKeyOf({ message, headers: own }, bySubject as (subject: string) => string | undefined)
}

it('an ordering key that is a number counts as its text, as in a header of RabbitMQ', () => {
  expect(keyBy((subject) => Number(subject.split('.')[1]))).toBe('7')
})

it('what is no key, such as a promise, keeps the order of the subject: nothing else is known', () => {
  expect(keyBy(async () => 'k')).toBe('orders.7.paid')
})

it('a promise that rejects is no key either, and does not end the process', async () => {
  const key = keyBy(async () => {
    throw new Error('no such tenant')
  })
  expect(key).toBe('orders.7.paid')
})

it.each([undefined, null])('the header counts where the function answers %s', (nothing) => {
  expect(keyBy(() => nothing)).toBe('of the header')
})
