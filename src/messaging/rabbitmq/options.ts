import { invalidOption } from '../../core/option-rules.ts'
import type { RabbitConnection } from './client.ts'

/** What to consume from RabbitMQ, and over which connection. */
export interface RabbitSource {
  /**
   * A connection of yours, or a function that opens one. What the function opens is closed by the consumer, and opened
   * again when it is lost.
   */
  readonly connection: RabbitConnection | (() => Promise<RabbitConnection>)
  /** The queue to consume: a quorum queue, whose companions `deadQueue` and `declareQueues` name after it. */
  readonly queue: string
  /** Default true: the queue and those for retries and for messages put aside are declared as `declareQueues` does. */
  readonly declare?: boolean
}

/** AMQP allows 255 bytes for the name of a queue, and our suffixes take up to 14. */
const MAX_QUEUE_BYTES = 240

/** @throws OnlyonceError OPTION_INVALID */
export function checkedSource({ connection, queue, declare = true }: { [Name in keyof RabbitSource]: unknown }) {
  checkConnection(connection)
  if (typeof queue !== 'string' || queue === '' || Buffer.byteLength(queue) > MAX_QUEUE_BYTES)
    throw invalidOption('queue', `is required: 1 to ${MAX_QUEUE_BYTES} bytes`, queue)
  if (typeof declare !== 'boolean') throw invalidOption('declare', 'must be true or false', declare)
  return { connection, queue, declare } as Required<RabbitSource>
}

/** AMQP has two bytes for the number of messages that are fetched ahead. */
const MOST_FETCHED = 65_535

/** @throws OnlyonceError OPTION_INVALID */
export function checkFetched(concurrency: number, prefetch: number): void {
  if (concurrency + prefetch <= MOST_FETCHED) return
  const rule = `must not be more than ${MOST_FETCHED} together with concurrency (${concurrency})`
  throw invalidOption('prefetch', rule, prefetch)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkConnection(given: unknown): asserts given is RabbitSource['connection'] {
  if (typeof given === 'function' || typeof Object(given).createConfirmChannel === 'function') return
  throw invalidOption('connection', 'is required: a connection of amqplib, or a function that opens one', given)
}
