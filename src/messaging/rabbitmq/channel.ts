import type { RabbitChannel, RabbitMessage } from './client.ts'
import { confirmsOn } from './confirms.ts'

/** A channel with a consumer on it, until either is gone. */
export interface OpenChannel {
  /** False once the broker has taken back, or will take back, what it delivered here. */
  readonly isOpen: boolean
  ack(message: RabbitMessage): void
  /** Resolves when the broker has the message durably in that queue. */
  send(queue: string, content: Uint8Array, properties: Record<string, unknown>): Promise<void>
  /** Nothing new is delivered; what was delivered can still be settled. */
  cancel(): Promise<void>
  /** Unsettled messages go back to their queue. */
  close(): Promise<void>
}

export interface ChannelEvents {
  readonly onMessage: (message: RabbitMessage) => void
  /** Called once: the channel or its consumer is gone, for whatever reason. */
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

  const gone = (reason: unknown) => {
    if (!isOpen) return
    isOpen = false
    events.onGone(reason)
  }
  let failure: unknown
  channel.on('error', (error: unknown) => {
    failure = error
  })
  channel.on('close', () => gone(failure ?? new Error('the channel was closed')))
  const confirms = confirmsOn(channel)
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
    send: (to, content, properties) => confirms.send('', to, content, properties),
    async cancel() {
      cancelled = true
      if (isOpen) await channel.cancel(consumerTag)
    },
    async close() {
      if (isOpen) await channel.close()
    },
  }
}
