import { afterEach, expect, it } from 'vitest'
import type { KeyInput } from '../../core/key.ts'
import { onlyonce } from '../../index.ts'
import { sqliteStore } from '../../stores/sqlite/index.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { transactional } from '../rocketmq.ts'
import { RESOLUTION } from './check-back.ts'
import type { RocketOutgoing } from './client.ts'

const ROLLBACK_AFTER_MS = 1_000
const NAMES = { [RESOLUTION.undecided]: '?', [RESOLUTION.commit]: 'commit', [RESOLUTION.rollback]: 'rollback' } as const

const stores: AsyncDisposable[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
})

/** A broker that never hears what became of a half message, and asks. */
function setup() {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: ':memory:' })
  stores.push(store)
  const once = onlyonce({ store, scope: 'orders', runtime })
  const halves = transactional({ once, rollbackAfterMs: ROLLBACK_AFTER_MS })
  const sent: RocketOutgoing[] = []
  const lost = async () => Promise.reject(new Error('the connection was lost'))
  const producer = {
    beginTransaction: () => ({ commit: lost, rollback: lost }),
    send: async (message: RocketOutgoing) => void sent.push(message),
  }
  const bornTimestamp = new Date(runtime.now())
  return {
    runtime,
    send: (key: KeyInput, body: string, effect: () => unknown, id?: string) =>
      halves.send(producer, key, { topic: 't', body: Buffer.from(body), ...(id === undefined ? {} : { id }) }, effect),
    answers: () =>
      Promise.all(
        sent.map(async ({ body, properties = new Map() }) => {
          const answer = await halves.checker.check({ properties, bornTimestamp })
          return `${body}: ${NAMES[answer]}`
        }),
      ),
  }
}

const failing = () => {
  throw new Error('the database said no')
}

it('a message whose call was refused is rolled back, though the operation is done', async () => {
  const { runtime, send, answers } = setup()
  await send({ key: 'order:1', payload: { price: 10 } }, 'price 10', () => 'ok')
  const refused = send({ key: 'order:1', payload: { price: 99 } }, 'price 99', () => 'never run')
  await expect(refused).rejects.toMatchObject({ code: 'KEY_REUSED' })
  expect(await answers()).toEqual(['price 10: commit', 'price 99: ?'])
  await runtime.advance(ROLLBACK_AFTER_MS)
  expect(await answers()).toEqual(['price 10: commit', 'price 99: rollback'])
})

it('a message whose transaction rolled back is rolled back, though a later attempt with another one commits', async () => {
  const { runtime, send, answers } = setup()
  await expect(send('order:1', 'first', failing)).rejects.toThrow('the database said no')
  await send('order:1', 'second', () => 'ok')
  await runtime.advance(ROLLBACK_AFTER_MS)
  expect(await answers()).toEqual(['first: rollback', 'second: commit'])
})

it('an attempt with the same message may be handed out in place of the one that committed', async () => {
  const { send, answers } = setup()
  await expect(send('order:1', 'same', failing)).rejects.toThrow('the database said no')
  await send('order:1', 'same', () => 'ok')
  expect(await answers()).toEqual(['same: commit', 'same: commit'])
})

it.each([
  ['body', 'other', undefined],
  ['id', 'body', 'other'],
])('a key without a payload is bound to its message: another %s is refused', async (_, body, id) => {
  const { send } = setup()
  await send('order:1', 'body', () => 'ok')
  await expect(send('order:1', body, () => 'never run', id)).rejects.toMatchObject({ code: 'KEY_REUSED' })
})

it('a message whose effect committed is handed out, though what the effect returned cannot be stored', async () => {
  const { send, answers } = setup()
  await expect(send('order:1', 'body', () => () => {})).rejects.toMatchObject({ code: 'RESULT_UNSERIALIZABLE' })
  expect(await answers()).toEqual(['body: commit'])
})
