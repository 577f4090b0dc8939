import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { publisher } from './publisher.ts'

const message = (id: string) => ({ id, topic: 'paid', body: Buffer.from('x'), headers: {} })

/** Takes every message, answers for the first as it is told, and then is closed. */
function losing(error: unknown) {
  const events = new EventEmitter()
  let taken = 0
  const publish = (...args: readonly unknown[]) => {
    taken++
    const answer = args.at(-1) as (error: unknown) => void
    if (taken === 1) setImmediate(() => answer(error))
    else setImmediate(() => setImmediate(() => events.emit('close')))
    return true
  }
  return Object.assign(events, { publish, waitForConfirms: async () => {} })
}

it('what was not answered before the channel was lost is unknown, what was refused is not', async () => {
  const publish = publisher({ channel: losing(new Error('nack')) as never })
  const unknown = { ok: false, reason: expect.stringContaining('before RabbitMQ answered'), unknown: true }
  expect(await publish([message('a'), message('b')])).toEqual([
    { ok: false, reason: expect.stringContaining('did not take') },
    unknown,
  ])
})

it('what was refused by one queue of an exchange is unknown: another one may have it', async () => {
  const publish = publisher({ channel: losing(new Error('nack')) as never, exchange: 'both' })
  expect(await publish([message('a')])).toEqual([
    { ok: false, reason: expect.stringContaining('did not take'), unknown: true },
  ])
})

it('a function that answers no connection is told so', async () => {
  const publish = publisher({ connection: async () => undefined as never })
  await expect(publish([message('a')])).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: 'option `connection` must be a function that answers a connection of amqplib; got undefined',
  })
})

/** A channel that confirms all it is given. */
function taking() {
  const publish = (...args: readonly unknown[]) => {
    setImmediate(args.at(-1) as () => void)
    return true
  }
  return Object.assign(losing(null), { publish }) as never
}

it.each([
  ['no message', null],
  ['no headers', { id: 'a', topic: 'paid', body: Buffer.from('x') }],
  ['an id that is a number', { ...message('a'), id: 1100 }],
  ['no topic', { ...message('a'), topic: undefined }],
])('refuses what has %s by itself, with the reason, and sends the others', async (_, given) => {
  const publish = publisher({ channel: taking() })
  expect(await publish([message('a'), given as never, message('b')])).toEqual([
    { ok: true },
    { ok: false, reason: expect.stringMatching(/^its (id|topic|headers) .*must/), permanent: true },
    { ok: true },
  ])
})

it('refuses an id that a consumer could not tell from bytes that are no text, and would put aside', async () => {
  const publish = publisher({ channel: taking() })
  const refused = { ok: false, reason: expect.stringMatching(/^its id .* must not have U\+FFFD/), permanent: true }
  expect(await publish([message('caf\ufffd:1100'), message('caf\ud800:1100')])).toEqual([refused, refused])
})
