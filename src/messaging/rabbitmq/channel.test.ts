import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { consumeOn } from './channel.ts'
import type { RabbitChannel } from './client.ts'

it('a stop ends a consumer that was just being begun, so that nothing is delivered that nobody takes', async () => {
  const runtime = fakeRuntime()
  const asked: string[] = []
  let begin: () => void = () => {}
  const channel = Object.assign(new EventEmitter(), {
    prefetch: async () => {},
    consume: () => {
      asked.push('consume')
      return new Promise((resolve) => {
        begin = () => resolve({ consumerTag: 't' })
      })
    },
    cancel: async (tag: string) => void asked.push(`cancel ${tag}`),
  }) as unknown as RabbitChannel
  const events = { onMessage: () => {}, onGone: () => {} }
  const open = await consumeOn(channel, { queue: 'q', prefetch: 1, paused: true }, runtime, events)
  open.setPaused(false)
  await runtime.advance(0)
  const cancelled = open.cancel()
  begin()
  await cancelled
  expect(asked).toEqual(['consume', 'cancel t'])
})
