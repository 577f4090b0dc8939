import { expect, it } from 'vitest'
import { publisher } from './publish.ts'

const message = { id: 'a', topic: 'paid', body: Buffer.from('x'), headers: {} }

/** Answers INFO and XADD. */
function publishTo(info: () => Promise<unknown>, add: () => Promise<unknown>) {
  const callBuffer = (command: string) => (command === 'INFO' ? info() : add())
  return publisher({ client: { callBuffer } as never })([message])
}

const version = async () => Buffer.from('redis_version:7.0.0')

/** Appends every entry, and then fails as it is told. */
async function publishAndFail(reason: string) {
  const entries: unknown[] = []
  return publishTo(version, () => Promise.reject(entries.push(message) && new Error(reason)))
}

it.each([
  ...['Connection is closed.', 'read ECONNRESET', 'Command timed out', 'Socket closed unexpectedly'],
  // Another server may have appended it before the client sent it again.
  ...['READONLY You can not write against a read only replica.', 'LOADING Redis is loading the dataset in memory'],
])('an entry that Redis may have appended is unknown: %s', async (reason) => {
  expect(await publishAndFail(reason)).toEqual([{ ok: false, reason, unknown: true }])
})

it.each([
  'WRONGTYPE Operation against a key holding the wrong kind of value',
  'NOPERM User x has no permissions to run the xadd command',
  "OOM command not allowed when used memory > 'maxmemory'.",
  "ERR unknown command 'XADD'",
  'The client is closed',
])('an entry that was refused is not: %s', async (reason) => {
  expect(await publishAndFail(reason)).toEqual([{ ok: false, reason }])
})

it('an answer that names no place is unknown', async () => {
  expect(await publishTo(version, async () => null)).toMatchObject([{ ok: false, unknown: true }])
})

it('a server that did not say what it is was sent nothing', async () => {
  let added = 0
  const results = await publishTo(
    () => Promise.reject(new Error('Connection is closed.')),
    async () => ++added,
  )
  expect(results).toEqual([{ ok: false, reason: 'Connection is closed.' }])
  expect(added).toBe(0)
})

it.each([undefined, null, '', {}, Promise.resolve('orders')])('nothing is sent to a stream named %s', async (name) => {
  const sent: unknown[] = []
  const callBuffer = async (...words: unknown[]) => sent.push(words) && '1-0'
  const [result] = await publisher({ client: { callBuffer } as never, stream: () => name as never })([message])
  expect(result).toEqual({
    ok: false,
    reason: expect.stringContaining('`stream` must answer the name of a stream for the topic "paid"; got '),
  })
  expect(sent).toEqual([])
})
