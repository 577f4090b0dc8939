import { KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError, KafkaJSRequestTimeoutError } from 'kafkajs'
import { expect, it } from 'vitest'
import { publisher } from './publisher.ts'

const message = { id: 'a', topic: 'paid', body: Buffer.from('x'), headers: {} }
const refusal = (type: string) => new KafkaJSProtocolError(Object.assign(new Error(type), { type, retriable: false }))
const afterRetries = (error: Error) => new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 5, retryTime: 1 })

/** Stores every record, and then fails as it is told. */
async function publishTo(error: Error) {
  const stored: unknown[] = []
  const send = (sent: unknown) => Promise.reject(stored.push(sent) && error)
  return publisher({ producer: { send } as never })([message])
}

it.each([
  new KafkaJSRequestTimeoutError('Request Produce timed out', {
    ...{ broker: 'b', clientId: 'c', correlationId: 1, createdAt: 1, sentAt: 1, pendingDuration: 1 },
  }),
  afterRetries(new Error('Closed connection')),
  // Stored by the leader, not by those that have to follow it; and a leader that lost its place while it waited for them.
  ...['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_LEADER_FOR_PARTITION'].map(refusal),
])('a record that Kafka may have stored is unknown: %s', async (error) => {
  expect(await publishTo(error)).toEqual([{ ok: false, reason: error.message, unknown: true }])
})

it.each([
  refusal('TOPIC_AUTHORIZATION_FAILED'),
  afterRetries(refusal('UNKNOWN_TOPIC_OR_PARTITION')),
  new Error('The producer is disconnected'),
])('a record that was refused is not: %s', async (error) => {
  expect(await publishTo(error)).toEqual([{ ok: false, reason: error.message }])
})

it('a record that is never taken is not, also among those whose answer is lost', async () => {
  const tooLarge = refusal('MESSAGE_TOO_LARGE')
  const reason = tooLarge.message
  expect(await publishTo(tooLarge)).toEqual([{ ok: false, reason, permanent: true }])
  const send = ({ messages }: { messages: readonly { key: string }[] }) =>
    Promise.reject(messages.some(({ key }) => key === 'large') ? tooLarge : new Error('Closed connection'))
  const both = await publisher({ producer: { send } as never })([{ ...message, id: 'large' }, message])
  expect(both).toEqual([
    { ok: false, reason, permanent: true },
    { ok: false, reason: 'Closed connection', unknown: true },
  ])
})

it('a producer that could not connect sent nothing', async () => {
  const connect = () => Promise.reject(new Error('connect ECONNREFUSED'))
  const publish = publisher({ producer: () => ({ connect }) as never })
  expect(await publish([message])).toEqual([{ ok: false, reason: 'connect ECONNREFUSED' }])
})
