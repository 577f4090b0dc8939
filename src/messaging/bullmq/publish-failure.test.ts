import { expect, it } from 'vitest'
import { publisher } from './publish.ts'

const message = { id: 'a', topic: 'paid', body: Buffer.from('x'), headers: {} }

/** Adds every job, and then fails as it is told. */
async function publishTo(reason: string) {
  const jobs: unknown[] = []
  const add = (_name: string, data: unknown) => Promise.reject(jobs.push(data) && new Error(reason))
  return publisher({ queue: { add, getJob: async () => undefined } })([message])
}

it.each([
  ...['Connection is closed.', 'read ECONNRESET', 'Command timed out', 'Socket closed unexpectedly'],
  // Another server may have added it before the client sent the script again.
  'READONLY You can not write against a read only replica.',
  // It had begun.
  'WRONGTYPE Operation against a key script: 1c, on @user_script:7.',
  'NOPERM this user has no permissions to run lpush script: 1c, on @user_script:7.',
])('a job that BullMQ may have added is unknown: %s', async (reason) => {
  expect(await publishTo(reason)).toEqual([{ ok: false, reason, unknown: true }])
})

it.each([
  'The size of job paid exceeds the limit 10 bytes',
  'Priority should not be float',
  'The client is closed',
  'NOPERM User x has no permissions to run the evalsha command',
  "OOM command not allowed when used memory > 'maxmemory'.",
])('a job that was refused is not: %s', async (reason) => {
  expect(await publishTo(reason)).toEqual([{ ok: false, reason }])
})

it('a copy that cannot be looked for is unknown; a queue that cannot be named took nothing', async () => {
  const getJob = () => Promise.reject(new Error('Connection is closed.'))
  const queue = { add: async () => ({ id: 'another' }), getJob }
  expect(await publisher({ queue })([message])).toMatchObject([{ ok: false, unknown: true }])
  const unnamed = () => {
    throw new Error('no such queue')
  }
  expect(await publisher({ queue: unnamed })([message])).toEqual([{ ok: false, reason: 'no such queue' }])
})

it('what is no queue, or no options of a job, is said to be that, and nothing was sent', async () => {
  const queue = { add: () => Promise.reject(new Error('added')), getJob: async () => undefined }
  const none = () => undefined as never
  expect(await publisher({ queue: none })([message])).toEqual([
    { ok: false, reason: 'option `queue` must answer a queue of BullMQ for the topic "paid"; got undefined' },
  ])
  expect(await publisher({ queue, job: none })([message])).toEqual([
    { ok: false, reason: 'option `job` must answer options of BullMQ for the topic "paid"; got undefined' },
  ])
})
