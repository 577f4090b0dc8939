import { reasonOf } from '../core/errors.ts'
import { leftoverOf } from '../core/key.ts'
import { invalidKind, invalidOption, refuseUnknown } from '../core/option-rules.ts'
import type { OutboxMessage } from '../core/store.ts'
import { isPlainObject } from '../core/value-path.ts'
import { encodeBody } from './body.ts'

/** A message to be published. */
export interface NewMessage {
  /**
   * What consumers deduplicate on: give the same for the same event. Default of `outbox.add`: derived from the
   * operation if one is given, else random. Default of `publishOnce`: derived from the key. What is left of a missing
   * value in it, such as `order:undefined`, is refused.
   */
  readonly id?: string
  readonly topic: string
  /** Bytes go as they are, anything else as JSON. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Messages with the same ordering key are published in the order in which they were added. */
  readonly orderingKey?: string
}

export const MAX_BODY_BYTES = 1024 * 1024

const KNOWN: readonly string[] = ['id', 'topic', 'body', 'headers', 'orderingKey']
const MAX_TEXT_LENGTH = 255
const MAX_HEADERS_LENGTH = 16 * 1024

/**
 * Returns the message exactly as it will be published on every attempt. `newId` is called only if it has no id.
 * @throws OnlyonceError OPTION_INVALID naming what is wrong with it
 */
export function checkedMessage(given: NewMessage, newId: () => string, maxBodyBytes: number): OutboxMessage {
  // An ordering key that is misspelt, or called `key` as with Kafka, would order nothing.
  refuseUnknown(given, KNOWN, 'message.')
  const { id = newId(), topic, body, headers = {}, orderingKey } = Object(given) as NewMessage
  checkText('id', id)
  checkText('topic', topic)
  if (orderingKey !== undefined) checkText('orderingKey', orderingKey)
  // Not of the topic, which names a place and may be called `dev.null`.
  checkComplete('id', id, 'all but one of those that share it would be taken for repeats')
  checkComplete('orderingKey', orderingKey, 'all that share it would wait for each other')
  checkHeaders(headers)
  const bytes = encoded(body)
  if (bytes.length > maxBodyBytes)
    throw invalidOption('message.body', `must not be longer than ${maxBodyBytes} bytes`, bytes.length)
  return { id, topic, body: bytes, headers: { ...headers }, ...(orderingKey === undefined ? {} : { orderingKey }) }
}

function checkText(name: string, value: unknown): void {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= MAX_TEXT_LENGTH && value.isWellFormed())
    return
  throw invalidOption(`message.${name}`, `must be a string of 1 to ${MAX_TEXT_LENGTH} characters`, value)
}

function checkComplete(name: string, value: string | undefined, why: string): void {
  if (value !== undefined && leftoverOf(value) !== undefined)
    throw invalidOption(`message.${name}`, `contains what is left of a missing value: ${why}`, value)
}

function checkHeaders(headers: unknown): void {
  if (typeof headers !== 'object' || headers === null || !isPlainObject(headers))
    throw invalidOption('message.headers', 'must be a plain object', headers)
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
    throw invalidKind('message.body', `must be bytes or JSON (${reasonOf(error)})`, body)
  }
}
