import type { Delivery } from '../delivery.ts'
import { ORDERING_KEY_HEADER, RETRIES_HEADER } from '../headers.ts'
import type { RabbitMessage } from './client.ts'
import { ROUTING_HEADERS } from './outgoing.ts'

/** Which copy it is that RabbitMQ hands back because no queue took it. */
export const TAG_HEADER = 'onlyonce-tag'

/** Written by the broker for each journey; on a copy they would speak of another message. */
const BROKERS_OWN = /^x-(death|first-death|last-death|delivery-count|acquired-count|opt-)/

type Properties = Readonly<Record<string, unknown>>

export function headersOf({ properties }: RabbitMessage): Properties {
  return Object(properties.headers) as Properties
}

/** Producers write numbers and truth values as such. Tables and bytes are no texts. */
function textOf(value: unknown): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}

export function orderingKeyOf(message: RabbitMessage): string | undefined {
  return textOf(headersOf(message)[ORDERING_KEY_HEADER])
}

/** What the inbox needs to know of a message; `seenHere`: this process was given it before. */
export function deliveryOf(source: string, message: RabbitMessage, seenHere: boolean): Omit<Delivery, 'extend'> {
  const { content, fields, properties } = message
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(headersOf(message))) {
    const text = textOf(value)
    if (name !== TAG_HEADER && text !== undefined) headers[name] = text
  }
  const { timestamp } = properties
  const orderingKey = orderingKeyOf(message)
  const sentRound = RETRIES_HEADER in headers || 'x-death' in headersOf(message)
  return {
    // Without one the key is missing, and the inbox puts the message aside.
    id: isText(properties.messageId) ? properties.messageId : '',
    source,
    ...(isTime(timestamp) ? { publishedAt: timestamp * 1_000 } : {}),
    body: content,
    headers,
    ...(orderingKey === undefined ? {} : { orderingKey }),
    redelivered: seenHere || fields.redelivered || sentRound || Number(headers['x-delivery-count'] ?? 0) > 0,
  }
}

/** Bytes that are no UTF-8 arrive as U+FFFD, and ids that differ become one. */
const isText = (id: unknown): id is string => typeof id === 'string' && !id.includes('\ufffd')

/** In seconds, as whoever published it says. */
const isTime = (timestamp: unknown): timestamp is number => Number.isSafeInteger(timestamp) && Number(timestamp) > 0

/** The properties of a copy that is sent on: those of the message, durable, with labels, without its own lifetime. */
export function copyOf(message: RabbitMessage, labels: Properties): Record<string, unknown> {
  // A user id must be that of the connection, and a copy is not its author's; routing to others was done once.
  const { userId, expiration, headers, deliveryMode, ...kept } = message.properties as Properties
  const isOwn = (name: string) => !BROKERS_OWN.test(name) && !ROUTING_HEADERS.includes(name)
  const own = Object.entries(headersOf(message)).filter(([name]) => isOwn(name))
  const before = Number(headersOf(message)[RETRIES_HEADER] ?? 0)
  // Whoever published it may have written anything there, and what is no number cannot be sent.
  const retries = (Number.isSafeInteger(before) && before >= 0 ? before : 0) + 1
  const present = Object.entries(kept).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(present),
    persistent: true,
    headers: { ...Object.fromEntries(own), ...labels, [RETRIES_HEADER]: retries },
  }
}
