import type { Delivery } from '../delivery.ts'
import { ID_HEADER, type labelsOf, ORDERING_KEY_HEADER } from '../headers.ts'
import type { KafkaHeaders, KafkaMessage, KafkaRecord } from './client.ts'

/** `too-long`: the body exceeds the limit of the dead-letter topic; it is still in the original topic. */
export const BODY_OMITTED_HEADER = 'onlyonce-body-omitted'

/** A byte order mark is part of a text like any other character: without it two ids would be one. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns the values that the record has for one header. For a name that every object has, such as `constructor`,
 * kafkajs puts that member of the object before them.
 */
function valuesOf(given: unknown): readonly (Buffer | string | null)[] {
  const isValue = (one: unknown) => one === null || typeof one === 'string' || Buffer.isBuffer(one)
  return [given].flat().filter(isValue) as (Buffer | string | null)[]
}

/** Returns `undefined` for what is not text, and for a header given twice: nobody can tell which one was meant. */
function textOf(given: KafkaHeaders[string]): string | undefined {
  const [value, ...more] = valuesOf(given)
  if (value === undefined || value === null || more.length > 0) return undefined
  if (typeof value === 'string') return value
  try {
    return utf8.decode(value)
  } catch {
    return undefined
  }
}

/**
 * Returns the key that orders a message in its partition: the header, else the record key. A record key equal to the
 * message's id does not count: `publisher` sets it when there is no ordering key.
 */
export function orderingKeyOf({ key, headers = {} }: KafkaRecord): string | undefined {
  const named = textOf(headers[ORDERING_KEY_HEADER])
  if (named !== undefined || key === null) return named
  const text = key.toString()
  return text === textOf(headers[ID_HEADER]) ? undefined : text
}

/** Returns the message's own id; `''` if there is none. */
export const idOf = ({ headers = {} }: KafkaRecord): string => textOf(headers[ID_HEADER]) ?? ''

/** Returns the delivery for a record. */
export function deliveryOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  record: KafkaRecord,
  redelivered: Delivery['redelivered'],
): Omit<Delivery, 'extend'> {
  const texts = Object.entries(record.headers ?? {}).flatMap(([name, value]) => {
    const text = textOf(value)
    return text === undefined ? [] : [[name, text] as const]
  })
  const orderingKey = orderingKeyOf(record)
  const publishedAt = Number(record.timestamp)
  return {
    // Without an id the key is missing, and the inbox puts the message aside.
    id: idOf(record),
    source: topic,
    coordinates: `${topic}/${partition}/${record.offset}`,
    ...(publishedAt >= 0 ? { publishedAt } : {}),
    // A record without a value deletes its key; a handler gets it with an empty body.
    body: record.value ?? new Uint8Array(),
    headers: Object.fromEntries(texts),
    ...(orderingKey === undefined ? {} : { orderingKey }),
    redelivered,
  }
}

/** Returns the record with labels added, otherwise unchanged except for headers without a value. */
export function deadCopy({ key, value, headers }: KafkaRecord, labels: ReturnType<typeof labelsOf>): KafkaMessage {
  return { key, value, headers: { ...sendable(headers), ...labels } }
}

/** kafkajs reads headers without a value, which other clients send, but throws when it has to send one: they are empty. */
function sendable(headers: Readonly<KafkaHeaders> = {}): KafkaHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, given]) => [name, valuesOf(given).map((value) => value ?? '')]),
  )
}
