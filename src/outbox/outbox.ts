import { reasonOf } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import type { OutboxMessage, OutboxStats, TransactionalStore } from '../core/store.ts'
import { encodeBody } from './body.ts'
import { tableOf } from './table.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxEntry, OutboxMessage, OutboxSettlement, OutboxStats, OutboxTable } from '../core/store.ts'
export { type Relay, type RelayEvent, type RelayOptions, relay } from './relay.ts'

/** A message to be published once the transaction commits. */
export interface NewMessage {
  /** Default: a random one. What consumers deduplicate on: give the same for the same event. */
  readonly id?: string
  readonly topic: string
  /** Bytes go as they are, anything else as JSON. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Messages with the same ordering key are published in the order in which they were added. */
  readonly orderingKey?: string
}

export interface OutboxOptions {
  /** Default 1 MiB. Larger bodies are refused. */
  readonly maxBodyBytes?: number
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export interface Outbox<Tx> {
  /**
   * Adds to the caller's open transaction: published if it commits, gone if it does not. Answers the id.
   * An id that is already waiting is left as it is.
   * @throws OnlyonceError OPTION_INVALID naming what is wrong with the message
   */
  add(tx: Tx, message: NewMessage): Promise<string>
  add(tx: Tx, messages: readonly NewMessage[]): Promise<readonly string[]>
  stats(): Promise<OutboxStats>
}

/** @throws OnlyonceError OPTION_INVALID */
export function outbox<Tx>(store: TransactionalStore<Tx>, options: OutboxOptions = {}): Outbox<Tx> {
  const { maxBodyBytes = 1024 * 1024, runtime = systemRuntime } = options
  const table = tableOf(store)
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes <= 0)
    throw invalidOption('maxBodyBytes', 'must be a positive integer', maxBodyBytes)

  function checked(given: NewMessage): OutboxMessage {
    const { id = runtime.token(), topic, body, headers = {}, orderingKey } = Object(given) as NewMessage
    checkText('id', id)
    checkText('topic', topic)
    if (orderingKey !== undefined) checkText('orderingKey', orderingKey)
    checkHeaders(headers)
    const bytes = encoded(body)
    if (bytes.length > maxBodyBytes)
      throw invalidOption('message.body', `must not be longer than ${maxBodyBytes} bytes`, bytes.length)
    const message = { id, topic, body: bytes, headers: { ...headers } }
    return orderingKey === undefined ? message : { ...message, orderingKey }
  }

  async function add(tx: Tx, given: NewMessage): Promise<string>
  async function add(tx: Tx, given: readonly NewMessage[]): Promise<readonly string[]>
  async function add(tx: Tx, given: NewMessage | readonly NewMessage[]): Promise<string | readonly string[]> {
    const messages = (isList(given) ? given : [given]).map(checked)
    if (messages.length > 0) await table.append(tx, messages)
    const ids = messages.map(({ id }) => id)
    return isList(given) ? ids : (ids[0] as string)
  }

  return { add, stats: () => table.stats() }
}

const MAX_TEXT_LENGTH = 255
const MAX_HEADERS_LENGTH = 16 * 1024

const isList = <T>(given: T | readonly T[]): given is readonly T[] => Array.isArray(given)

function checkText(name: string, value: unknown): void {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= MAX_TEXT_LENGTH && value.isWellFormed())
    return
  throw invalidOption(`message.${name}`, `must be a string of 1 to ${MAX_TEXT_LENGTH} characters`, value)
}

function checkHeaders(headers: unknown): void {
  if (typeof headers !== 'object' || headers === null)
    throw invalidOption('message.headers', 'must be an object', headers)
  let length = 0
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !value.isWellFormed() || !name.isWellFormed())
      throw invalidOption(`message.headers`, `must have a string as \`${name}\``, value)
    length += name.length + value.length
  }
  if (length > MAX_HEADERS_LENGTH)
    throw invalidOption('message.headers', `must not be longer than ${MAX_HEADERS_LENGTH} characters together`, length)
}

function encoded(body: unknown): Uint8Array {
  try {
    return encodeBody(body)
  } catch (error) {
    throw invalidOption('message.body', `must be bytes or JSON (${reasonOf(error)})`, typeof body)
  }
}
