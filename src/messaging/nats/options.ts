import { aBoolean, aFunction, checkEach, invalidOption } from '../../core/option-rules.ts'
import type { NatsConnection, NatsHeadersFactory, NatsJetStream } from './client.ts'
import { isName, isSubject } from './subject.ts'

/** What to consume from JetStream, and by which durable consumer. */
export interface NatsSource {
  /** Close it yourself after `stop`. Open it with `maxReconnectAttempts: -1`, or the client gives up after a while. */
  readonly connection: NatsConnection
  /** `jetstream(connection)` of `@nats-io/jetstream`. */
  readonly jetstream: NatsJetStream
  /** `headers` of the client. */
  readonly headers: NatsHeadersFactory
  /** The stream to consume. It must exist. */
  readonly stream: string
  /** Default: `name`. The durable consumer that all processes share. */
  readonly durable?: string
  /** Default: all of the stream. The subjects that the durable consumer gets; wildcards are allowed. */
  readonly subject?: string
  /** Default: the header `onlyonce-ordering-key`. What it returns for a subject takes precedence over the header. */
  readonly orderingKey?: (subject: string) => string | undefined
  /** Default `dead.<stream>.<durable>`. Where messages are put aside; a subject of another stream. */
  readonly deadSubject?: string
  /** Default true: the durable consumer, and the stream for the default `deadSubject`, are created if missing. */
  readonly declare?: boolean
}

export type CheckedSource = Required<Omit<NatsSource, 'subject' | 'orderingKey'>> &
  Pick<NatsSource, 'subject' | 'orderingKey'>

type Given = { readonly [Name in keyof NatsSource]: unknown }

/** @throws OnlyonceError OPTION_INVALID */
export function checkedSource(given: Given, name: unknown): CheckedSource {
  const { connection, stream, durable = name, subject, orderingKey, declare = true } = given
  if (typeof Object(connection).request !== 'function' || typeof Object(connection).status !== 'function')
    throw invalidOption('connection', 'is required: a connection of @nats-io/transport-node', connection)
  checkClient(given)
  checkName('stream', stream)
  if (!isName(durable))
    throw invalidOption('durable', 'must be a name without blanks, dots, slashes and wildcards', durable)
  if (subject !== undefined && (typeof subject !== 'string' || !isSubject(subject.replace(/[*>]/g, 'x'))))
    throw invalidOption('subject', 'must be a subject, with or without wildcards', subject)
  checkEach(aFunction, { orderingKey })
  checkEach(aBoolean, { declare })
  const { deadSubject = defaultDeadSubject(String(stream), durable) } = given
  if (!isSubject(deadSubject)) throw invalidOption('deadSubject', 'must be a subject without wildcards', deadSubject)
  return { ...given, durable, deadSubject, declare } as CheckedSource
}

export const defaultDeadSubject = (stream: string, durable: string): string => `dead.${stream}.${durable}`

/** @throws OnlyonceError OPTION_INVALID */
export function checkClient({ jetstream, headers }: { readonly jetstream: unknown; readonly headers: unknown }): void {
  checkJetStream(jetstream)
  if (typeof headers !== 'function')
    throw invalidOption('headers', 'is required: the function `headers` of @nats-io/transport-node', headers)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkJetStream(jetstream: unknown): void {
  const { publish, jetstreamManager } = Object(jetstream) as Partial<NatsJetStream>
  if (typeof publish !== 'function' || typeof jetstreamManager !== 'function')
    throw invalidOption('jetstream', 'is required: what jetstream() of @nats-io/jetstream answered', jetstream)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkName(option: string, value: unknown): void {
  if (!isName(value))
    throw invalidOption(option, 'is required: a name without blanks, dots, slashes and wildcards', value)
}
