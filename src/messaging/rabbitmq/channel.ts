import { oneAtATime } from '../../core/one-at-a-time.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { RabbitChannel, RabbitMessage } from './client.ts'
import { confirmsOn } from './confirms.ts'
import { orderingKeyOf } from './message.ts'
import { inTime } from './opening.ts'

/** A channel with a consumer on it, unless paused, until either is gone. */
export interface OpenChannel {
  /** False once the broker has taken back, or will take back, what it delivered here. */
  readonly isOpen: boolean
  ack(message: RabbitMessage): void
  /** Resolves when the broker has the message durably in that queue. */
  send(queue: string, content: Uint8Array, properties: Record<string, unknown>): Promise<void>
  /** While paused nothing new is delivered, apart from messages that are on their way. */
  setPaused(paused: boolean): void
  /** Nothing new is handed over; what was can still be settled. */
  cancel(): Promise<void>
  /** Unsettled messages go back to their queue. */
  close(): Promise<void>
}

export interface ChannelEvents {
  readonly onMessage: (message: RabbitMessage) => void
  /** Called once: the channel or its consumer is gone, for whatever reason. */
  readonly onGone: (reason: unknown) => void
}

export interface Consumption {
  readonly queue: string
  readonly prefetch: number
  readonly paused: boolean
}

/** Consumes a queue on a channel that nobody else uses. */
export async function consumeOn(
  channel: RabbitChannel,
  { queue, prefetch, paused }: Consumption,
  runtime: Runtime,
  events: ChannelEvents,
): Promise<OpenChannel> {
  let isOpen = true
  let cancelled = false
  /** Some of what was delivered has an ordering key. */
  let ordered = false
  let wanted = !paused
  let consumerTag: string | undefined
  const inTurn = oneAtATime()

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
  await inTime(runtime, `begin to deliver from ${queue}`, channel.prefetch(prefetch))
  await follow()

  function take(message: RabbitMessage | null): void {
    // The queue was deleted or has moved: RabbitMQ has ended the consumer and says nothing more.
    if (message === null) gone(new Error(`RabbitMQ ended the consumer of ${queue}`))
    else if (isOpen && !cancelled) {
      ordered ||= orderingKeyOf(message) !== undefined
      events.onMessage(message)
    }
  }

  /** Begins or ends the consumer, as is wanted now. */
  async function follow(): Promise<void> {
    if (!isOpen || cancelled || wanted === (consumerTag !== undefined)) return
    if (consumerTag === undefined) {
      const consuming = channel.consume(queue, take, { noAck: false })
      consumerTag = (await inTime(runtime, `begin to deliver from ${queue}`, consuming)).consumerTag
    } else {
      const ended = consumerTag
      consumerTag = undefined
      await inTime(runtime, `end the consumer of ${queue}`, channel.cancel(ended))
    }
  }

  return {
    get isOpen() {
      return isOpen
    },
    ack: (message) => channel.ack(message),
    send: (to, content, properties) => confirms.send('', to, content, properties),
    setPaused(now) {
      wanted = !now
      void inTurn(follow).catch(gone)
    },
    async cancel() {
      cancelled = true
      // RabbitMQ takes what is on its way to a cancelled consumer back at once, and so before the earlier messages that
      // are held here. When the channel is closed, all go back together, in order.
      await inTurn(async () => {
        if (isOpen && consumerTag !== undefined && !ordered) await channel.cancel(consumerTag)
      })
    },
    async close() {
      if (isOpen) await channel.close()
    },
  }
}
