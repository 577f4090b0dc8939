import type { Delivery } from '../delivery.ts'
import { ORDERING_KEY_HEADER, RETRIES_HEADER } from '../headers.ts'
import type { RabbitMessage } from './client.ts'
import { ROUTING_HEADERS } from './outgoing.ts'

/** Identifies the message that RabbitMQ returns because no queue took it. */
export const TAG_HEADER = 'onlyonce-tag'

/** Written by the broker about one message; on a copy they would tell of another message. */
const BROKERS_OWN = /^x-(death|first-death|last-death|delivery-count|acquired-count|opt-)/

type Properties = Readonly<Record<string, unknown>>

export function headersOf({ properties }: RabbitMessage): Properties {
  return Object(properties.headers) as Properties
}

/** Producers may write numbers and booleans as such. Tables and bytes are not text. */
function textOf(value: unknown): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}

export function orderingKeyOf(message: RabbitMessage): string | undefined {
  return textOf(headersOf(message)[ORDERING_KEY_HEADER])
}

/** Returns the delivery for a message; `seenHere`: this process has started to handle it before. */
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
    // Without an id the key is missing, and the inbox puts the message aside.
    id: idOf(message),
    source,
    ...(isTime(timestamp) ? { publishedAt: timestamp * 1_000 } : {}),
    body: content,
    headers,
    ...(orderingKey === undefined ? {} : { orderingKey }),
    redelivered: seenHere || fields.redelivered || sentRound || Number(headers['x-delivery-count'] ?? 0) > 0,
  }
}

function idOf({ properties: { messageId } }: RabbitMessage): string {
  return isText(messageId) ? messageId : ''
}

/** Bytes that are not UTF-8 arrive as U+FFFD, so that different ids become equal. */
const isText = (id: unknown): id is string => typeof id === 'string' && !id.includes('\ufffd')

/** In seconds, as the publisher says. */
const isTime = (timestamp: unknown): timestamp is number => Number.isSafeInteger(timestamp) && Number(timestamp) > 0

/** Returns the properties of a copy that is sent on: the message's own, persistent, with labels, without expiration. */
export function copyOf(message: RabbitMessage, labels: Properties): Record<string, unknown> {
  // RabbitMQ refuses a user id that is not the connection's own; routing by CC and BCC has been done once.
  const { userId, expiration, headers, deliveryMode, ...kept } = message.properties as Properties
  const isOwn = (name: string) => !BROKERS_OWN.test(name) && !ROUTING_HEADERS.includes(name)
  const own = Object.entries(headersOf(message)).filter(([name]) => isOwn(name))
  const before = Number(headersOf(message)[RETRIES_HEADER] ?? 0)
  // The publisher may have written anything there, and a value that is not a number cannot be sent.
  const retries = (Number.isSafeInteger(before) && before >= 0 ? before : 0) + 1
  const present = Object.entries(kept).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(present),
    persistent: true,
    headers: { ...Object.fromEntries(own), ...labels, [RETRIES_HEADER]: retries },
  }
}

/** Returns the properties of a copy where the client cannot send all of them: id and time, and labels. */
export function bareCopyOf(message: RabbitMessage, labels: Properties): Record<string, unknown> {
  const id = idOf(message)
  const { timestamp } = message.properties
  return {
    ...(id === '' ? {} : { messageId: id }),
    ...(isTime(timestamp) ? { timestamp } : {}),
    persistent: true,
    headers: labels,
  }
}
