import { expect, it } from 'vitest'
import type { Publisher } from '../core/publisher.ts'
import type { OutboxMessage } from '../core/store.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { answersOf } from './answers.ts'

const batch: readonly OutboxMessage[] = ['a', 'b'].map((id) => ({
  id,
  topic: 't',
  body: new Uint8Array(),
  headers: {},
}))

const answered = (given: unknown) => {
  const publish = (async () => given) as Publisher
  return answersOf({ publish, publishTimeoutMs: 1_000, runtime: fakeRuntime() }, batch)
}

it.each([
  [undefined, 'the publisher answered undefined'],
  [null, 'the publisher answered null'],
  [{ ok: true }, 'the publisher answered { ok }'],
  [2, 'the publisher answered 2'],
])('a publisher that answers %j is told what it has to answer', async (given, what) => {
  await expect(answered(given)).rejects.toThrow(`${what}: it has to answer a list with a result for each message`)
})

it('a list that is too short says nothing of any message', async () => {
  await expect(answered([{ ok: true }])).rejects.toThrow('the publisher gave 1 answers to 2 messages')
})

it('a result that is none counts as a failure of its message', async () => {
  expect(await answered([{ ok: true }, undefined])).toEqual([
    { ok: true },
    { ok: false, reason: 'the publisher gave no answer for it' },
  ])
})

it('a publisher may take the messages out of its list', async () => {
  const publish: Publisher = async (messages) => (messages as OutboxMessage[]).splice(0).map(() => ({ ok: true }))
  const asked = { publish, publishTimeoutMs: 1_000, runtime: fakeRuntime() }
  expect(await answersOf(asked, batch)).toEqual([{ ok: true }, { ok: true }])
  expect(batch).toHaveLength(2)
})
