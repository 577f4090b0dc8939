import { quote } from '../../core/key.ts'
import { ID_HEADER } from '../headers.ts'
import type { KafkaMessage } from './client.ts'
import { placeOf } from './partition.ts'
import type { Output } from './transform-options.ts'

const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/**
 * Returns the records for what a handler returned, with their topics. Each has a key, by which its partition is chosen.
 * @throws Error for what Kafka or its client would never send: it is the handler's fault, and has to fail its input
 * alone, not the transaction, which would be tried again for ever
 */
export function recordsOf(
  input: { readonly topic: string; readonly partition: number },
  offset: string,
  given: unknown,
): readonly (readonly [topic: string, record: KafkaMessage])[] {
  if (!Array.isArray(given))
    throw new Error(`the handler returned ${kindOf(given)}: it has to return a list of outputs`)
  return given.map((one: unknown, index) => {
    const { topic, body, id = `${placeOf(input)}/${offset}/${index}`, key = id, headers } = checkedOutput(index, one)
    const value = typeof body === 'string' ? body : Buffer.from(body)
    return [topic, { key, value, headers: { ...withValue(headers), [ID_HEADER]: id } }]
  })
}

/** Without those that are `undefined`, for which kafkajs throws. */
function withValue(headers: Output['headers']): NonNullable<Output['headers']> {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== undefined))
}

function checkedOutput(index: number, given: unknown): Output {
  const { topic, body, id = '', key = '', headers = {} } = Object(given) as Record<keyof Output, unknown>
  const refuse = (what: string, got: string) => {
    throw new Error(`output ${index} needs ${what}; got ${got}`)
  }
  if (typeof topic !== 'string' || !TOPIC.test(topic)) refuse('a `topic` that Kafka allows', quote(topic))
  if (!isSendable(body)) refuse('a `body` of text or bytes', kindOf(body))
  if (!isSendable(key)) refuse('a `key` of text or bytes', quote(key))
  if (!isSendable(id)) refuse('an `id` of text or bytes', quote(id))
  for (const [name, value] of Object.entries(Object(headers))) {
    // kafkajs sends several with one name.
    if (value !== undefined && ![value].flat().every(isSendable))
      refuse(`a header \`${name}\` of text or bytes`, quote(value))
  }
  return given as Output
}

const isSendable = (value: unknown): boolean => typeof value === 'string' || value instanceof Uint8Array

/** Does not print a body. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
