import type { Delivery } from '../delivery.ts'
import { ID_HEADER, type labelsOf, ORDERING_KEY_HEADER } from '../headers.ts'
import type { KafkaHeaders, KafkaMessage, KafkaRecord } from './client.ts'

/** `too-long`: the topic for messages put aside does not take the body, which is still where the message came from. */
export const BODY_OMITTED_HEADER = 'onlyonce-body-omitted'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** `undefined` for what is not text, and for a header that is there twice: nobody can tell which one was meant. */
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
 * What orders a message among those of its partition: the header, else the key of the record. A key that is the message's
 * own id orders nothing: `publisher` gives it where there is no ordering key.
 */
export function orderingKeyOf({ key, headers = {} }: KafkaRecord): string | undefined {
  const named = textOf(headers[ORDERING_KEY_HEADER])
  if (named !== undefined || key === null) return named
  const text = key.toString()
  return text === textOf(headers[ID_HEADER]) ? undefined : text
}

/** The message's own id; `''` for none. */
export const idOf = ({ headers = {} }: KafkaRecord): string => textOf(headers[ID_HEADER]) ?? ''

/** What the inbox needs to know of a message. */
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
    // Without one the key is missing, and the inbox puts the message aside.
    id: idOf(record),
    source: topic,
    coordinates: `${topic}/${partition}/${record.offset}`,
    ...(publishedAt >= 0 ? { publishedAt } : {}),
    // A record without a value says that its key is deleted; to a handler it is one without a body.
    body: record.value ?? new Uint8Array(),
    headers,
    ...(orderingKey === undefined ? {} : { orderingKey }),
    redelivered,
  }
}

/** The record as it was, with labels. */
export function deadCopy({ key, value, headers }: KafkaRecord, labels: ReturnType<typeof labelsOf>): KafkaMessage {
  return { key, value, headers: { ...headers, ...labels } }
}
