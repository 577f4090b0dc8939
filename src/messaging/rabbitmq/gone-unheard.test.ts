import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import type { RabbitChannel, RabbitConnection } from './client.ts'
import { publisher } from './publisher.ts'

const MESSAGE = { id: 'm1', topic: 'q', body: Buffer.from('{}'), headers: {} }

/** What amqplib throws once a channel is closing or closed. Its 'close' event may have come before anybody listened. */
const illegal = () => Object.assign(new Error('Channel closed'), { name: 'IllegalOperationError' })

function channelThat(isGone: boolean) {
  const events = new EventEmitter()
  return {
    on: events.on.bind(events),
    publish(_to: string, _key: string, _content: Buffer, _options: object, answered: (error: unknown) => void) {
      if (isGone) throw illegal()
      answered(null)
      return true
    },
    waitForConfirms: async () => {},
    close: () => (isGone ? Promise.reject(illegal()) : Promise.resolve()),
  } as unknown as RabbitChannel
}

it('a publisher opens another channel when the one it was handed had ended unheard, and closes its connection', async () => {
  const closed: number[] = []
  let opened = 0
  const publish = publisher({
    async connection(): Promise<RabbitConnection> {
      const number = ++opened
      return {
        createConfirmChannel: async () => channelThat(number === 1),
        on: () => {},
        close: async () => void closed.push(number),
      }
    },
  })
  await expect(publish([MESSAGE])).rejects.toThrow('the channel was closed before RabbitMQ answered: Channel closed')
  expect(await publish([MESSAGE])).toEqual([{ ok: true }])
  expect(closed).toEqual([1])
  await publish.close()
})

it('a call over a channel of the caller throws, when that channel was closed before the publisher was made', async () => {
  const publish = publisher({ channel: channelThat(true) })
  await expect(publish([MESSAGE])).rejects.toThrow('Channel closed')
})
