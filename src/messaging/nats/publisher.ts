import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { aFunction, checkEach, positive, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage } from '../../core/store.ts'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import type { NatsHeaders, NatsHeadersFactory, NatsJetStream, NatsPubAck } from './client.ts'
import { idOf, MSG_ID_HEADER, SERVERS_OWN } from './message.ts'
import { checkClient } from './options.ts'
import { failureOf, refused } from './publish-failure.ts'
import { isSubject } from './subject.ts'

/** Options of NATS' `publisher`. */
export interface NatsPublisherOptions {
  /** `jetstream(connection)` of `@nats-io/jetstream`. */
  readonly jetstream: NatsJetStream
  /** `headers` of the client. */
  readonly headers: NatsHeadersFactory
  /** Default: the topic of the message. */
  readonly subject?: (message: OutboxMessage) => string
  /** Default 5 000. A message that JetStream has not confirmed by then counts as unknown, and is published again. */
  readonly timeoutMs?: number
}

/**
 * Publishes to JetStream with the id as `Nats-Msg-Id`; a message is `ok` when a stream has stored it, now or before
 * under the same id.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: NatsPublisherOptions): Publisher {
  refuseUnknown(options, ['jetstream', 'headers', 'subject', 'timeoutMs'])
  const { jetstream, headers, subject = ({ topic }) => topic, timeoutMs = 5_000 } = Object(options) as typeof options
  checkClient({ jetstream, headers })
  checkEach(aFunction, { subject })
  checkEach(positive, { timeoutMs })

  async function publishOne(message: OutboxMessage): Promise<PublishResult> {
    const to = subject(message)
    if (!isSubject(to)) return refused(`${quote(String(to))} is not a subject a message can be published to`)
    const order = Object.keys(message.headers).find((name) => name !== MSG_ID_HEADER && SERVERS_OWN.test(name))
    if (order !== undefined) return refused(`its header ${order} is an order to NATS: rename it`)
    let sent: NatsHeaders
    try {
      sent = headersFor(message, headers)
    } catch (error) {
      return refused(`it has a header NATS cannot carry: ${reasonOf(error)}`)
    }
    if (idOf(sent) !== message.id)
      return refused(
        `its id ${quote(message.id)} is empty, begins or ends with a blank, or has U+FFFD: it would not arrive`,
      )
    return store(to, message, sent).catch((error: unknown) => failureOf(error, to))
  }

  async function store(to: string, message: OutboxMessage, sent: NatsHeaders): Promise<PublishResult> {
    const ack = await jetstream.publish(to, message.body, { headers: sent, timeout: timeoutMs })
    if (!ack.stream) return { ok: false, reason: 'JetStream gave an answer without a stream', unknown: true }
    if (!ack.duplicate) return { ok: true }
    return verify(message, ack).catch((error: unknown) => ({ ok: false, reason: reasonOf(error), unknown: true }))
  }

  /** The server remembers ids separately from messages: a message may be gone while its id is not. */
  async function verify({ id, body }: OutboxMessage, { stream, seq }: NatsPubAck): Promise<PublishResult> {
    const manager = await jetstream.jetstreamManager(false)
    const stored = await manager.streams.getMessage(stream, { seq })
    if (stored === null || idOf(stored.header) !== id) {
      const reason = `stream ${stream} called it a duplicate of message ${seq}, which is not there: it was consumed, purged or lost, and is taken again when the stream's duplicate window is over`
      return { ok: false, reason }
    }
    if (Buffer.compare(stored.data, body) !== 0)
      return refused(`stream ${stream} has another body under its id, as message ${seq}`)
    return { ok: true }
  }

  // An error thrown here means that nothing was sent: `subject` is the caller's function.
  return (batch) =>
    Promise.all(
      batch.map((message) =>
        publishOne(message).catch((error: unknown) =>
          OnlyonceError.is(error) ? refused(reasonOf(error)) : { ok: false, reason: reasonOf(error) },
        ),
      ),
    )
}

function headersFor({ id, headers, orderingKey }: OutboxMessage, empty: NatsHeadersFactory): NatsHeaders {
  const sent = empty()
  for (const [name, value] of Object.entries(headers)) {
    if (name !== MSG_ID_HEADER && (name !== ORDERING_KEY_HEADER || orderingKey === undefined)) sent.append(name, value)
  }
  if (orderingKey !== undefined) sent.append(ORDERING_KEY_HEADER, orderingKey)
  sent.append(MSG_ID_HEADER, id)
  return sent
}
