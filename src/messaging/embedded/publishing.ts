import type { PublishResult } from '../../core/publisher.ts'
import { packText } from '../../core/stored-text.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { areHeaders } from '../../embedded/headers.ts'
import { change } from '../../embedded/statements.ts'
import type { QueueMessage } from './rows.ts'
import { PUBLISH, PUBLISH_IN_ORDER } from './sql.ts'

const DONE: PublishResult = Object.freeze({ ok: true })

/** Call inside a write transaction. Copies each message into every queue of its topic. */
export function publishAll(
  db: SqliteConnection,
  messages: readonly QueueMessage[],
  subscriptions: ReadonlyMap<string, readonly string[]>,
  now: number,
): readonly PublishResult[] {
  return messages.map((message) => {
    const wrong = whatIsWrong(message)
    if (wrong !== undefined) return { ok: false, reason: wrong, permanent: true }
    const queues = subscriptions.get(message.topic)
    // Not permanent: the next version of the program may know the topic, and the message waits for it.
    if (queues === undefined) return { ok: false, reason: `topic ${message.topic} is not in \`subscriptions\`` }
    for (const queue of queues) insert(db, queue, message, now)
    return DONE
  })
}

function insert(db: SqliteConnection, queue: string, message: QueueMessage, now: number): void {
  const { id, topic, headers = {}, body, orderingKey } = message
  const rest = [0, packText(id), packText(topic), JSON.stringify(headers), now, body] as const
  const name = packText(queue)
  if (orderingKey === undefined) return void change(db, PUBLISH, name, ...rest)
  const order = packText(orderingKey)
  change(db, PUBLISH_IN_ORDER, name, name, order, order, ...rest)
}

function whatIsWrong(given: unknown): string | undefined {
  const { id, topic, body, headers = {}, orderingKey } = Object(given) as Partial<QueueMessage>
  if (typeof id !== 'string' || id === '') return 'a message needs an id'
  if (typeof topic !== 'string' || topic === '') return 'a message needs a topic'
  if (!(body instanceof Uint8Array)) return 'the body of a message must be bytes'
  if (orderingKey !== undefined && typeof orderingKey !== 'string') return 'an ordering key must be a string'
  if (!areHeaders(headers)) return 'the headers of a message must be a plain object of strings'
  return undefined
}
