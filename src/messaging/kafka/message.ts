import type { Delivery } from '../delivery.ts'
import { ID_HEADER, type labelsOf, ORDERING_KEY_HEADER } from '../headers.ts'
import type { KafkaHeaders, KafkaMessage, KafkaRecord } from './client.ts'

/** `too-long`: the body exceeds the limit of the dead-letter topic; it is still in the original topic. */
export const BODY_OMITTED_HEADER = 'onlyonce-body-omitted'

/** A byte order mark is part of a text like any other character: without it two ids would be one. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Returns `undefined` for what is not text, and for a header given twice: nobody can tell which one was meant. */
function textOf(value: KafkaHeaders[string]): string | undefined {
  if (value === undefined || value === null || Array.isArray(value)) return undefined
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
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    const text = textOf(value)
    if (text !== undefined) headers[name] = text
  }
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
    headers,
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
  const one = (value: unknown) => (value ?? '') as Buffer | string
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(one) : one(value)]),
  )
}
