import { quote } from '../../core/key.ts'
import type { OutboxMessage } from '../../core/store.ts'
import { ORDERING_KEY_HEADER } from '../headers.ts'

/** AMQP keeps the length of ids, names and routing keys in one byte. */
const MAX_SHORT_BYTES = 255

/** Read by RabbitMQ itself: it sends copies to the queues listed there, and closes the channel if it is a string. */
export const ROUTING_HEADERS: readonly string[] = ['CC', 'BCC']

/** Returns why a message cannot be sent. Checked first: a message that fails while being sent ends the channel. */
export function whatIsWrong(message: OutboxMessage): string | undefined {
  const { id, topic, headers } = Object(message) as OutboxMessage
  for (const [what, text] of Object.entries({ id, topic })) {
    if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > MAX_SHORT_BYTES)
      return `its ${what} ${quote(text)} must have 1 to ${MAX_SHORT_BYTES} bytes for RabbitMQ`
  }
  if (id.toWellFormed().includes('\ufffd'))
    return `its id ${quote(id)} must not have U+FFFD: consumers take it for bytes that are no text`
  if (Object(headers) !== headers) return `its headers ${quote(headers)} must be an object, also an empty one`
  for (const name of Object.keys(headers)) {
    if (ROUTING_HEADERS.includes(name)) return `its header ${name} is one that RabbitMQ reads itself: rename it`
    if (Buffer.byteLength(name) > MAX_SHORT_BYTES)
      return `the name of its header ${quote(name)} must not be longer than ${MAX_SHORT_BYTES} bytes for RabbitMQ`
  }
  return undefined
}

/** `now`: in ms since the epoch. AMQP's timestamps are whole seconds. */
export function propertiesOf({ id, headers, orderingKey }: OutboxMessage, now: number): Record<string, unknown> {
  const ordering = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
  return { messageId: id, timestamp: Math.floor(now / 1_000), persistent: true, headers: { ...headers, ...ordering } }
}
