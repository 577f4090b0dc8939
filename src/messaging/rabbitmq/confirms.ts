import type { RabbitChannel, RabbitMessage } from './client.ts'
import { headersOf, TAG_HEADER } from './message.ts'

/** Error for a message that RabbitMQ did not confirm. */
export class NotConfirmed extends Error {
  /**
   * - `'returned'`: no queue took it
   * - `'refused'`: RabbitMQ refused it
   * - `'unknown'`: the channel ended before RabbitMQ answered
   */
  readonly kind: 'returned' | 'refused' | 'unknown'

  constructor(kind: NotConfirmed['kind'], message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** Sends over a confirm channel. */
export interface Confirms {
  /** The channel is known to be gone: nothing can be sent over it any more. */
  readonly isOver: boolean
  /**
   * Resolves when a queue has the message durably, and rejects with NotConfirmed otherwise. If the message has no form
   * in AMQP, rejects with the error of the client: then nothing was sent.
   */
  send(exchange: string, routingKey: string, content: Uint8Array, properties: Record<string, unknown>): Promise<void>
  /** Resolves when the client has room, or the channel is gone. Sending earlier is allowed, and only costs memory. */
  roomy(): Promise<void>
}

/** One per channel, because tags are counted per channel, whoever sends over it. */
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
  // Comes before the confirmation of the same message: RabbitMQ confirms a message that reached no queue.
  channel.on('return', (message) => {
    returned.add(headersOf(message as RabbitMessage)[TAG_HEADER])
  })

  function ended(): NotConfirmed {
    const why = failure instanceof Error ? `: ${failure.message}` : ''
    return new NotConfirmed('unknown', `the channel was closed before RabbitMQ answered${why}`, failure)
  }

  return {
    get isOver() {
      return isOver
    },
    send(exchange, routingKey, content, properties) {
      if (isOver) return Promise.reject(ended())
      const tag = ++nextTag
      const headers = { ...Object(properties.headers), [TAG_HEADER]: tag }
      return new Promise((resolve, reject) => {
        const answered = async (error: unknown) => {
          pending.delete(reject)
          if (returned.delete(tag)) return reject(new NotConfirmed('returned', unroutable(exchange, routingKey)))
          if (error == null) return resolve()
          // The client also calls back for a closed channel, before its 'close' event reaches us.
          await undefined
          reject(isOver ? ended() : new NotConfirmed('refused', 'RabbitMQ did not take the message', error))
        }
        const options = { ...properties, headers, mandatory: true }
        try {
          if (!channel.publish(exchange, routingKey, Buffer.from(content), options, (error) => void answered(error)))
            isFull = true
        } catch (error) {
          if (!isOfChannel(error)) throw error
          // The 'close' event came before we listened, or waits for an answer of RabbitMQ that may never come.
          isOver = true
          failure ??= error
          throw ended()
        }
        pending.add(reject)
      })
    },
    roomy: () => (isFull && !isOver ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
  }
}

/** What amqplib throws for a channel that is closing or closed; any other error is about the message. */
const isOfChannel = (error: unknown) => error instanceof Error && error.name === 'IllegalOperationError'

function unroutable(exchange: string, routingKey: string): string {
  return exchange === ''
    ? `there is no queue ${routingKey}: declare it`
    : `the exchange ${exchange} has no queue for ${routingKey}: bind one`
}
