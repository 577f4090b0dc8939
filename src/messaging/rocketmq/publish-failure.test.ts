import { expect, it } from 'vitest'
import { publisher } from './publisher.ts'

const message = { id: 'a', topic: 'paid', body: Buffer.from('x'), headers: {} }

/** Stores every message, and then fails as it is told. */
async function publishTo(reason: string, code?: number, delayMs = () => 0) {
  const stored: unknown[] = []
  const failure = Object.assign(new Error(reason), code === undefined ? {} : { code })
  const send = (sent: unknown) => Promise.reject(stored.push(sent) && failure)
  return publisher({ producer: { send }, delayMs })([message])
}

it.each([
  ['4 DEADLINE_EXCEEDED: Deadline exceeded', 4],
  ['14 UNAVAILABLE: read ECONNRESET', 14],
  ['proxy timeout', 50_400],
  ['slave persistence timeout', 50_402],
  ['internal server error', 50_001],
  // The last of several tries: the first one may have been lost.
  ['too many requests', 42_900],
  ['stream closed', undefined],
])('a message that the broker may have stored is unknown: %s', async (reason, code) => {
  expect(await publishTo(reason, code)).toEqual([{ ok: false, reason, unknown: true }])
})

it.each([
  ['no such topic', 40_402],
  ['forbidden', 40_300],
  ['Producer is not running now', undefined],
])('a message that was refused is not: %s', async (reason, code) => {
  expect(await publishTo(reason, code)).toEqual([{ ok: false, reason }])
})

it('a message that is never taken is not', async () => {
  const reason = 'message body too large'
  expect(await publishTo(reason, 41_301)).toEqual([{ ok: false, reason, permanent: true }])
})

it('a message that could not be made was not sent', async () => {
  const delayMs = () => {
    throw new Error('no such delay')
  }
  expect(await publishTo('', 14, delayMs)).toEqual([{ ok: false, reason: 'no such delay' }])
})
