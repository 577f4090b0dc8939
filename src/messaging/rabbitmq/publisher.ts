import { reasonOf } from '../../core/errors.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import { systemRuntime } from '../../core/runtime.ts'
import type { OutboxMessage } from '../../core/store.ts'
import type { RabbitChannel, RabbitConnection } from './client.ts'
import { type Confirms, NotConfirmed } from './confirms.ts'
import { checkConnection } from './options.ts'
import { propertiesOf, whatIsWrong } from './outgoing.ts'
import { keepSender, type Sender, sendOver } from './sender.ts'

interface To {
  /**
   * Default `''`: each message goes to the queue named as its topic. Otherwise to this exchange, with the topic as
   * routing key.
   */
  readonly exchange?: string
}

/** Options of RabbitMQ's `publisher`: either `connection` or `channel`. */
export type RabbitPublisherOptions = To &
  (
    | {
        /** As for `consume`: what the function opens is opened again when it is lost, and closed by `close`. */
        readonly connection: RabbitConnection | (() => Promise<RabbitConnection>)
      }
    | {
        /** A confirm channel of yours, which you may go on using. When it is closed, every further call throws. */
        readonly channel: RabbitChannel
      }
  )

/** A publisher for the relay or `publishOnce`. Close it when they have ended. */
export interface RabbitPublisher extends Publisher, AsyncDisposable {
  /** Closes what was opened here. Messages not confirmed by then are unknown. */
  close(): Promise<void>
}

/**
 * Publishes persistent messages over a confirm channel. `ok`: a queue has the message durably. Refused, each by itself:
 * no queue takes it, RabbitMQ refuses it, or it has no form in AMQP (`permanent`). `unknown`: one queue of an exchange
 * refused it, which others may have; or the channel was lost before an answer, and throws when that is true of all.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: RabbitPublisherOptions): RabbitPublisher {
  const { sender, exchange } = checked(options)

  async function publish(batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    if (batch.length === 0) return []
    const confirms = await sender.open()
    const answers: Promise<PublishResult>[] = []
    const unknown: NotConfirmed[] = []
    for (const message of batch) {
      const wrong = whatIsWrong(message)
      answers.push(
        wrong === undefined
          ? sendOne(confirms, exchange, message, unknown)
          : Promise.resolve({ ok: false, reason: wrong, permanent: true }),
      )
      await confirms.roomy()
    }
    const results = await Promise.all(answers)
    if (unknown.length === batch.length) throw unknown[0]
    return results
  }

  const close = () => sender.close()
  return Object.assign(publish, { close, [Symbol.asyncDispose]: close })
}

const DONE: PublishResult = Object.freeze({ ok: true })

async function sendOne(
  confirms: Confirms,
  exchange: string,
  message: OutboxMessage,
  unknown: NotConfirmed[],
): Promise<PublishResult> {
  try {
    await confirms.send(exchange, message.topic, message.body, propertiesOf(message, systemRuntime.now()))
    return DONE
  } catch (error) {
    const reason = reasonOf(error)
    if (!(error instanceof NotConfirmed)) return { ok: false, reason }
    if (error.kind === 'unknown') unknown.push(error)
    // One no among the queues of an exchange is a no to the sender, though others may have the message.
    else if (error.kind === 'returned' || exchange === '') return { ok: false, reason }
    return { ok: false, reason, unknown: true }
  }
}

function checked(options: RabbitPublisherOptions): { readonly sender: Sender; readonly exchange: string } {
  const { connection, channel, exchange = '' } = Object(options) as Record<string, unknown>
  refuseUnknown(options, ['connection', 'channel', 'exchange'])
  if (typeof exchange !== 'string' || Buffer.byteLength(exchange) > 255)
    throw invalidOption('exchange', 'must be the name of an exchange, at most 255 bytes', exchange)
  if (channel !== undefined) {
    if (connection !== undefined) throw invalidOption('channel', 'cannot be given together with `connection`', channel)
    if (typeof Object(channel).publish !== 'function' || typeof Object(channel).waitForConfirms !== 'function')
      throw invalidOption('channel', 'must be a confirm channel of amqplib', channel)
    return { sender: sendOver(channel as RabbitChannel), exchange }
  }
  checkConnection(connection)
  return { sender: keepSender(connection, systemRuntime), exchange }
}
