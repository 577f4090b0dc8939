import { expect, it } from 'vitest'
import type { KafkaMessage, KafkaProducer } from './client.ts'
import { publisher } from './publisher.ts'

type Sent = Parameters<KafkaProducer['send']>[0]

/** A producer that says when each call began and ended, and fails those with a key of `failing`. */
function recording({ isIdempotent = false, failing = {} as Record<string, Error> } = {}) {
  const calls: string[] = []
  const log: string[] = []
  let made = 0
  const keysOf = (messages: KafkaMessage[]) => messages.map(({ key }) => String(key))
  const publish = publisher({
    producer: () =>
      ({
        connect: async () => void made++,
        disconnect: async () => void log.push('replaced'),
        isIdempotent: () => isIdempotent,
        async send({ topic, messages }: Sent) {
          const call = `${topic} ${keysOf(messages)}`
          calls.push(call)
          log.push(`> ${call}`)
          await new Promise(setImmediate)
          log.push(`< ${call}`)
          const error = keysOf(messages).map((key) => failing[key])[0]
          if (error !== undefined) throw error
        },
      }) as never,
  })
  return { calls, log, publish, made: () => made }
}

const message = (topic: string, id: string, orderingKey?: string) => ({
  ...{ id, topic, body: Buffer.from(id), headers: {} },
  ...(orderingKey === undefined ? {} : { orderingKey }),
})
const ok = { ok: true }

it('no call has records of two keys, which may be of two partitions', async () => {
  const { calls, publish, made } = recording()
  const all = [
    ...[message('t', 'a', 'k'), message('t', 'b'), message('t', 'c', 'k'), message('t', 'd', 'l')],
    ...[message('u', 'e', 'k'), message('t', 'f', 'l')],
  ]
  expect(await publish(all)).toEqual(all.map(() => ok))
  expect(calls).toEqual(['t k,k', 't b', 't l,l', 'u k'])
  expect(made()).toBe(1)
})

it('calls go side by side, of an idempotent producer one after the other', async () => {
  const both = [message('t', 'a'), message('u', 'b')]
  const plain = recording()
  await plain.publish(both)
  expect(plain.log).toEqual(['> t a', '> u b', '< t a', '< u b'])
  const idempotent = recording({ isIdempotent: true })
  await idempotent.publish(both)
  expect(idempotent.log).toEqual(['> t a', '< t a', '> u b', '< u b'])
})

it('a key that fails leaves the others as they are', async () => {
  const { publish } = recording({ failing: { b: new Error('no leader') } })
  const results = await publish(['a', 'b', 'c'].map((id) => message('t', id)))
  expect(results).toEqual([ok, { ok: false, reason: 'no leader', unknown: true }, ok])
})

it('after a failure an idempotent producer is replaced, and its topic waits for the next batch', async () => {
  const { log, publish } = recording({ isIdempotent: true, failing: { b: new Error('no leader') } })
  const all = [message('t', 'a'), message('t', 'b'), message('u', 'c'), message('t', 'd'), message('u', 'e')]
  const failed = { ok: false, reason: 'no leader' }
  expect(await publish(all)).toEqual([ok, { ...failed, unknown: true }, ok, failed, ok])
  expect(log).toEqual(['> t a', '< t a', '> t b', '< t b', 'replaced', '> u c', '< u c', '> u e', '< u e'])
})

it('a record that Kafka will never take keeps nothing else from being sent', async () => {
  const tooLarge = Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' })
  const { publish } = recording({ isIdempotent: true, failing: { a: tooLarge } })
  const results = await publish([message('t', 'a'), message('t', 'b')])
  expect(results).toEqual([{ ok: false, reason: 'too large', permanent: true }, ok])
})

it('side by side, one producer is made', async () => {
  const { publish, made } = recording()
  await publish([message('t', 'a'), message('u', 'b')])
  expect(made()).toBe(1)
})
