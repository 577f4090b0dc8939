import { JetStreamApiError } from '@nats-io/jetstream/internal'
import { errors, headers } from '@nats-io/nats-core'
import { expect, it } from 'vitest'
import type { NatsPubAck } from './client.ts'
import { publisher } from './publisher.ts'

const message = { id: 'a', topic: 'paid', body: Buffer.from('x'), headers: {} }

function publishTo(publish: () => Promise<NatsPubAck>, manager: () => Promise<unknown> = async () => ({})) {
  const jetstream = { publish, jetstreamManager: manager, consumers: {} }
  return publisher({ headers, jetstream: jetstream as never })([message])
}

/** Stores every message, and then fails as it is told. */
async function publishAndFail(error: Error) {
  const stored: unknown[] = []
  return publishTo(() => Promise.reject(stored.push(message) && error))
}

const api = (err_code: number, description: string) => new JetStreamApiError({ code: 503, err_code, description })
const violation = (operation: 'publish' | 'subscription') =>
  new errors.RequestError('violation', {
    cause: new errors.PermissionViolationError('violation', operation, operation === 'publish' ? 'paid' : '_INBOX.1'),
  })

it.each([
  new errors.TimeoutError(),
  new errors.RequestError('connection closed'),
  // May write, but not read the answer.
  violation('subscription'),
  api(10_008, 'JetStream system temporarily unavailable'),
  api(10_077, 'no space left on device'),
  api(10_158, 'duplicate message id is in process'),
])('a message that JetStream may have stored is unknown: %s', async (error) => {
  expect(await publishAndFail(error)).toEqual([{ ok: false, reason: error.message, unknown: true }])
})

it.each([
  violation('publish'),
  new errors.ClosedConnectionError(),
  api(10_077, 'maximum messages exceeded'),
  api(10_060, 'expected stream does not match'),
])('a message that was refused is not: %s', async (error) => {
  expect(await publishAndFail(error)).toEqual([{ ok: false, reason: error.message }])
})

it('a message that is too large is not', async () => {
  const error = api(10_054, 'message size exceeds maximum allowed')
  expect(await publishAndFail(error)).toEqual([{ ok: false, reason: error.message, permanent: true }])
})

it('a duplicate that cannot be looked for, and an answer of no stream, are unknown', async () => {
  const silent = () => Promise.reject(new errors.TimeoutError())
  const ack = { stream: 's', seq: 1, duplicate: true }
  expect(await publishTo(async () => ack, silent)).toEqual([{ ok: false, reason: 'timeout', unknown: true }])
  expect(await publishTo(async () => ({ ...ack, stream: '' }))).toMatchObject([{ ok: false, unknown: true }])
})

it('a subject that cannot be named was sent nothing', async () => {
  const subject = () => {
    throw new Error('no such subject')
  }
  const jetstream = {
    publish: () => Promise.reject(new errors.TimeoutError()),
    jetstreamManager: () => {},
    consumers: {},
  }
  const results = await publisher({ headers, jetstream: jetstream as never, subject })([message])
  expect(results).toEqual([{ ok: false, reason: 'no such subject' }])
})

it('an id with U+FFFD is refused with that as the reason', async () => {
  const publish = publisher({
    headers,
    jetstream: { publish: async () => {}, jetstreamManager: async () => ({}) } as never,
  })
  expect(await publish([{ ...message, id: 'caf\ufffd' }])).toEqual([
    { ok: false, permanent: true, reason: expect.stringContaining('U+FFFD') },
  ])
})
