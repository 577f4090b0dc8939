import { expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { checkedPullOptions } from './consumer.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'
import type { PullSource } from './pull-source.ts'

/** A consumer of a broker that answers each question when the test says so. */
function setup() {
  const runtime = fakeRuntime()
  const asked: { readonly what: string; answer(value: never): void }[] = []
  const begun: string[] = []
  const ask = (what: string) => new Promise<never>((answer) => void asked.push({ what, answer }))
  const source: PullSource = { hasDue: () => ask('hasDue'), receive: () => ask('receive') }
  const inbox = async ({ id }: Delivery): Promise<Verdict> => {
    begun.push(id)
    return { kind: 'ack' }
  }
  const consumer = pullConsumer(
    source,
    Object.assign(inbox, { readmit: async () => false, checkHorizon() {}, visibilityMs: 30_000 }) as unknown as Inbox,
    { ...checkedPullOptions({} as never, {}), runtime, visibilityMs: 30_000 },
  )
  const message = (id: string) => ({ delivery: delivery({ id }), settle: async () => {} })
  const answer = (value: unknown) => asked.shift()?.answer(value as never)
  return { runtime, consumer, begun, message, answer, asked: () => asked.map(({ what }) => what) }
}

it('a pause is over when the broker has answered, and what came is handled', async () => {
  const { runtime, consumer, begun, message, answer, asked } = setup()
  await runtime.advance(0)
  expect(asked()).toEqual(['receive'])
  let paused = false
  const pausing = consumer.pause().then(() => {
    paused = true
  })
  await runtime.advance(1_000)
  expect(paused).toBe(false)
  answer([message('on its way')])
  await pausing
  await runtime.advance(1_000)
  expect([begun, asked()]).toEqual([['on its way'], []])
  consumer.resume()
  await runtime.advance(0)
  expect(asked()).toEqual(['receive'])
  answer([])
  await consumer.stop()
})

it('a pause while the broker is asked whether there is anything takes nothing', async () => {
  const { runtime, consumer, answer, asked } = setup()
  await runtime.advance(0)
  answer([])
  await runtime.advance(10)
  expect(asked()).toEqual(['hasDue'])
  const paused = consumer.pause()
  answer(true)
  await paused
  await runtime.advance(1_000)
  expect(asked()).toEqual([])
  await consumer.stop()
})

it('a pause is over although the broker failed', async () => {
  const { runtime, consumer, answer } = setup()
  await runtime.advance(0)
  const paused = consumer.pause()
  answer(Promise.reject(new Error('away')))
  await paused
  await consumer.stop()
})
