import type { RabbitChannel, RabbitMessage } from './client.ts'
import { headersOf, TAG_HEADER } from './message.ts'

/** A channel with a consumer on it, until either is gone. */
export interface OpenChannel {
  /** False as soon as the broker has taken back what it delivered here, or will. */
  readonly isOpen: boolean
  ack(message: RabbitMessage): void
  /** Resolves when the broker has the message for good in that queue. */
  send(queue: string, content: Uint8Array, properties: Record<string, unknown>): Promise<void>
  /** Nothing new is delivered; what was delivered can still be settled. */
  cancel(): Promise<void>
  /** Whatever is not settled goes back to its queue. */
  close(): Promise<void>
}

export interface ChannelEvents {
  readonly onMessage: (message: RabbitMessage) => void
  /** Once: the channel or its consumer is gone, for whatever reason. */
  readonly onGone: (reason: unknown) => void
}

/** Consumes `queue` on a channel that nobody else uses. */
export async function consumeOn(
  channel: RabbitChannel,
  queue: string,
  prefetch: number,
  events: ChannelEvents,
): Promise<OpenChannel> {
  let isOpen = true
  let cancelled = false
  let nextTag = 0
  const returned = new Set<unknown>()
  const pending = new Set<(error: Error) => void>()

  const gone = (reason: unknown) => {
    if (!isOpen) return
    isOpen = false
    // The client forgets the callbacks of a channel that is closed.
    for (const fail of pending) fail(new Error('the channel was closed before RabbitMQ answered'))
    events.onGone(reason)
  }
  let failure: unknown
  channel.on('error', (error: unknown) => {
    failure = error
  })
  channel.on('close', () => gone(failure ?? new Error('the channel was closed')))
  // Comes before the confirmation of the same message: to RabbitMQ, one that reached no queue is done with.
  channel.on('return', (message) => {
    returned.add(headersOf(message as RabbitMessage)[TAG_HEADER])
  })
  await channel.prefetch(prefetch)
  const { consumerTag } = await channel.consume(
    queue,
    (message) => {
      // The queue was deleted or has moved: RabbitMQ has ended the consumer and says nothing more.
      if (message === null) gone(new Error(`RabbitMQ ended the consumer of ${queue}`))
      else if (isOpen && !cancelled) events.onMessage(message)
    },
    { noAck: false },
  )
  return {
    get isOpen() {
      return isOpen
    },
    ack: (message) => channel.ack(message),
    send(to, content, properties) {
      const tag = ++nextTag
      const headers = { ...Object(properties.headers), [TAG_HEADER]: tag }
      return new Promise((resolve, reject) => {
        pending.add(reject)
        channel.publish('', to, Buffer.from(content), { ...properties, headers, mandatory: true }, (error) => {
          pending.delete(reject)
          if (returned.delete(tag)) reject(new Error(`there is no queue ${to}: declare it`))
          else if (error != null) reject(error)
          else resolve()
        })
      })
    },
    async cancel() {
      cancelled = true
      if (isOpen) await channel.cancel(consumerTag)
    },
    async close() {
      if (isOpen) await channel.close()
    },
  }
}
