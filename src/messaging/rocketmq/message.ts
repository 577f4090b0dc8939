import type { Delivery } from '../delivery.ts'
import { ID_HEADER, type labelsOf, ORDERING_KEY_HEADER } from '../headers.ts'
import { labelWithin } from '../reason.ts'
import type { RocketMessage, RocketOutgoing } from './client.ts'

/** Limits of the proxy: bytes of all properties and keys of a message together, and number of its properties. */
const MAX_PROPERTIES_BYTES = 16_384
const MAX_PROPERTIES = 128

/** Written by the broker on a message of a transaction, or of a group; a copy is neither. */
const BROKERS_OWN = ['__transactionId__', 'TRANSACTION_CHECK_TIMES', '__SHARDINGKEY']

/** The broker splits keys at blanks. An id that cannot be a key is still whole in its property. */
const CAN_BE_KEY = /^[^\s\p{Cc}]+$/u

/** Returns how an id goes with a message: as its key, by which RocketMQ finds it, and as a property. */
export function idOf(id: string): { readonly keys: string[]; readonly property: readonly [string, string] } {
  return { keys: CAN_BE_KEY.test(id) ? [id] : [], property: [ID_HEADER, id] }
}

export function orderingKeyOf({ messageGroup, properties }: RocketMessage): string | undefined {
  return messageGroup || properties.get(ORDERING_KEY_HEADER) || undefined
}

/** A delayed message counts from the time at which it may be delivered: before that nobody can have handled it. */
function publishedAt({ bornTimestamp, deliveryTimestamp }: RocketMessage): Pick<Delivery, 'publishedAt'> {
  const times = [bornTimestamp, deliveryTimestamp].flatMap((time) => (time === undefined ? [] : [time.getTime()]))
  return times.length === 0 ? {} : { publishedAt: Math.max(...times) }
}

/** Returns the delivery for a message; `seenHere`: this process has started to handle it before. */
export function deliveryOf(message: RocketMessage, seenHere: boolean): Omit<Delivery, 'extend'> {
  const { messageId, topic, body, keys, properties, messageGroup, deliveryAttempt = 1 } = message
  const orderingKey = orderingKeyOf(message)
  return {
    id: properties.get(ID_HEADER) || keys[0] || '',
    source: topic,
    ...(messageId === '' ? {} : { coordinates: messageId }),
    ...publishedAt(message),
    body,
    headers: Object.fromEntries(properties),
    ...(orderingKey === undefined ? {} : { orderingKey }),
    // Where the broker keeps an order, it delivers a lapsed message, and those behind it, as a first attempt again.
    redelivered: messageGroup ? 'unknown' : seenHere || deliveryAttempt > 1,
  }
}

/** Returns the message as it is sent to the topic for messages put aside. */
export function copyOf(message: RocketMessage, topic: string, labels: ReturnType<typeof labelsOf>): RocketOutgoing {
  const { body, keys, tag } = message
  const properties = new Map(message.properties)
  for (const name of BROKERS_OWN) properties.delete(name)
  const orderingKey = orderingKeyOf(message)
  const roomFor = (name: string) => roomBeside(properties, keys, name)
  if (orderingKey !== undefined && bytes(orderingKey) <= roomFor(ORDERING_KEY_HEADER))
    properties.set(ORDERING_KEY_HEADER, orderingKey)
  for (const [label, value] of Object.entries(labels)) {
    const fitting = labelWithin(roomFor(label), label, value)
    if (fitting !== undefined) properties.set(label, fitting)
  }
  return { topic, body, keys: [...keys], properties, ...(tag ? { tag } : {}) }
}

const bytes = (text: string) => Buffer.byteLength(text)

/** Returns how many bytes the value of a property may have; a value that it replaces does not count. */
function roomBeside(properties: ReadonlyMap<string, string>, keys: readonly string[], name: string): number {
  const others = [...properties].filter(([other]) => other !== name)
  if (others.length >= MAX_PROPERTIES) return 0
  const texts = [name, ...keys, ...others.flat()]
  return texts.reduce((left, text) => left - bytes(text), MAX_PROPERTIES_BYTES)
}
