import type { RabbitChannel, RabbitMessage } from './client.ts'
import { headersOf, TAG_HEADER } from './message.ts'

/** What became of a message that RabbitMQ did not confirm. */
export class NotConfirmed extends Error {
  /**
   * - `'returned'`: no queue took it
   * - `'refused'`: RabbitMQ said no
   * - `'unknown'`: the channel ended before it said anything
   */
  readonly kind: 'returned' | 'refused' | 'unknown'

  constructor(kind: NotConfirmed['kind'], message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** Sends over a confirm channel. */
export interface Confirms {
  /**
   * Resolves when a queue has the message for good, and rejects with NotConfirmed otherwise. What the client throws while
   * it writes the message, because it has no such form in AMQP, is thrown here, and nothing was sent.
   */
  send(exchange: string, routingKey: string, content: Uint8Array, properties: Record<string, unknown>): Promise<void>
  /** Resolves when the client has room, or the channel is gone. To send before that is no mistake, only memory. */
  roomy(): Promise<void>
}

/** Tags count per channel, so whoever sends over the same channel counts together. */
const known = new WeakMap<RabbitChannel, Confirms>()

export function confirmsOn(channel: RabbitChannel): Confirms {
  const found = known.get(channel) ?? create(channel)
  known.set(channel, found)
  return found
}

function create(channel: RabbitChannel): Confirms {
  let nextTag = 0
  let isOver = false
  const waiting: (() => void)[] = []
  let isFull = false
  const returned = new Set<unknown>()
  const pending = new Set<(error: Error) => void>()
  const goOn = () => {
    isFull = false
    for (const wake of waiting.splice(0)) wake()
  }
  let failure: unknown
  channel.on('error', (error: unknown) => {
    failure = error
  })
  channel.on('close', () => {
    isOver = true
    // A client may forget the callbacks of a channel that is closed.
    for (const fail of pending) fail(ended())
    goOn()
  })
  channel.on('drain', goOn)
  // Comes before the confirmation of the same message: to RabbitMQ, one that reached no queue is done with.
  channel.on('return', (message) => {
    returned.add(headersOf(message as RabbitMessage)[TAG_HEADER])
  })

  function ended(): NotConfirmed {
    const why = failure instanceof Error ? `: ${failure.message}` : ''
    return new NotConfirmed('unknown', `the channel was closed before RabbitMQ answered${why}`, failure)
  }

  return {
    send(exchange, routingKey, content, properties) {
      if (isOver) return Promise.reject(ended())
      const tag = ++nextTag
      const headers = { ...Object(properties.headers), [TAG_HEADER]: tag }
      return new Promise((resolve, reject) => {
        const answered = async (error: unknown) => {
          pending.delete(reject)
          if (returned.delete(tag)) return reject(new NotConfirmed('returned', unroutable(exchange, routingKey)))
          if (error == null) return resolve()
          // The client answers for a channel that was closed too, and before we hear of it.
          await undefined
          reject(isOver ? ended() : new NotConfirmed('refused', 'RabbitMQ did not take the message', error))
        }
        const options = { ...properties, headers, mandatory: true }
        if (!channel.publish(exchange, routingKey, Buffer.from(content), options, (error) => void answered(error)))
          isFull = true
        pending.add(reject)
      })
    },
    roomy: () => (isFull && !isOver ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
  }
}

function unroutable(exchange: string, routingKey: string): string {
  return exchange === ''
    ? `there is no queue ${routingKey}: declare it`
    : `the exchange ${exchange} has no queue for ${routingKey}: bind one`
}
