import { invalidKind } from '../../core/option-rules.ts'
import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { RabbitChannel, RabbitConnection } from './client.ts'
import { closed } from './closed.ts'
import type { RabbitSource } from './options.ts'

/** amqplib waits for ever for the answer to a handshake, and to a method as long as heartbeats go on. */
const OPEN_LIMIT_MS = 60_000

/** A confirm channel; `close` also closes what was opened for it. */
export interface Opened {
  readonly channel: RabbitChannel
  close(): Promise<void>
}

/**
 * Waits for one step of an opening. `late` gets an answer that comes after the time limit.
 * @throws Error when it is not answered in time
 */
export function inTime<T>(
  runtime: Runtime,
  what: string,
  asked: Promise<T>,
  late: (answer: T) => unknown = () => {},
): Promise<T> {
  return timeLimit(runtime, asked, OPEN_LIMIT_MS, () => {
    void asked.then(late).catch(() => {})
    return new Error(`RabbitMQ did not ${what} within ${OPEN_LIMIT_MS} ms`)
  })
}

/** Opens a channel. If `connection` is a function, it has a connection of its own, which is closed with it. */
export async function openChannel(connection: RabbitSource['connection'], runtime: Runtime): Promise<Opened> {
  if (typeof connection !== 'function') return channelOn(connection, runtime)
  const ours = await handedOver(runtime, 'open a connection', Promise.resolve(connection()).then(checked))
  try {
    const { channel, close } = await channelOn(ours, runtime)
    return { channel, close: () => close().then(() => closed(runtime, ours)) }
  } catch (error) {
    await closed(runtime, ours)
    throw error
  }
}

function checked(answered: RabbitConnection): RabbitConnection {
  if (typeof Object(answered).createConfirmChannel === 'function') return answered
  throw invalidKind('connection', 'must be a function that answers a connection of amqplib', answered)
}

async function channelOn(connection: RabbitConnection, runtime: Runtime): Promise<Opened> {
  const channel = await handedOver(runtime, 'open a channel', connection.createConfirmChannel())
  return { channel, close: () => closed(runtime, channel) }
}

function handedOver<T extends RabbitConnection | RabbitChannel>(
  runtime: Runtime,
  what: string,
  asked: Promise<T>,
): Promise<T> {
  const opened = Promise.resolve(asked).then((one) => {
    // Without a listener the client would end the process. We learn of the error by the end of the channel.
    one.on('error', () => {})
    return one
  })
  return inTime(runtime, what, opened, (late) => closed(runtime, late))
}
