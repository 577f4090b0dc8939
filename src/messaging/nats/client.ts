/** The part of the headers of `@nats-io/nats-core` we use. */
export interface NatsHeaders extends Iterable<readonly [string, readonly string[]]> {
  append(name: string, value: string): void
}

/** The part of a connection of `@nats-io/nats-core` we use. */
export interface NatsConnection {
  /** What the server said of itself. */
  readonly info?: { readonly max_payload: number } | undefined
  request(subject: string, payload?: string, options?: { readonly timeout: number }): Promise<unknown>
  flush(): Promise<void>
  isClosed(): boolean
  status(): AsyncIterable<{ readonly type: string }> & { stop?(): void }
}

/** The part of a pull consumer's message we use. */
export interface NatsMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: NatsHeaders | undefined
  /** The subject to acknowledge to. Part of the client's message, though not of its type. */
  readonly reply?: string
  readonly timestampNanos: bigint
  readonly info: { readonly deliveryCount: number; readonly streamSequence: number; readonly deliverySequence: number }
  ackAck(options?: { timeout?: number }): Promise<boolean>
  nak(delayMs?: number): void
}

export interface NatsMessages extends AsyncIterable<NatsMessage> {
  close(): Promise<unknown>
}

export interface NatsPullConsumer {
  fetch(options: { max_messages: number; expires: number }): Promise<NatsMessages>
}

/** What JetStream answers a publisher. */
export interface NatsPubAck {
  readonly stream: string
  readonly seq: number
  readonly duplicate: boolean
}

export interface NatsStored {
  readonly data: Uint8Array
  readonly header: NatsHeaders
}

export interface NatsStreamInfo {
  readonly created: string
  readonly config: {
    readonly max_age: number
    readonly storage: string
    readonly retention: string
    readonly num_replicas: number
  }
}

export interface NatsConsumerInfo {
  readonly created: string
  readonly num_ack_pending: number
  readonly delivered: { readonly stream_seq: number; readonly consumer_seq: number }
  readonly ack_floor: { readonly stream_seq: number }
  readonly config: {
    readonly ack_policy: string
    readonly ack_wait?: number
    readonly max_deliver?: number
    readonly filter_subject?: string
    readonly deliver_subject?: string
    readonly backoff?: readonly number[]
    readonly headers_only?: boolean
  }
}

type Config = Readonly<Record<string, unknown>>

export interface NatsManager {
  readonly streams: {
    info(stream: string): Promise<NatsStreamInfo>
    find(subject: string): Promise<string>
    add(config: Config & { name: string }): Promise<unknown>
    getMessage(stream: string, query: { seq: number } | { last_by_subj: string }): Promise<NatsStored | null>
  }
  readonly consumers: {
    info(stream: string, consumer: string): Promise<NatsConsumerInfo>
    add(stream: string, config: Config): Promise<NatsConsumerInfo>
  }
}

/** The part of `jetstream(connection)` of `@nats-io/jetstream` 3 we use. */
export interface NatsJetStream {
  readonly consumers: { get(stream: string, consumer: string): Promise<NatsPullConsumer> }
  publish(subject: string, data: Uint8Array, options?: { headers?: NatsHeaders; timeout?: number }): Promise<NatsPubAck>
  jetstreamManager(checkApi?: boolean): Promise<NatsManager>
}

/** `headers` of the client, which makes an empty set of headers. */
export type NatsHeadersFactory = () => NatsHeaders

/** Returns JetStream's error code; `undefined` for every other error. */
export function apiCode(error: unknown): number | undefined {
  const { code } = Object(error) as { code?: unknown }
  return typeof code === 'number' ? code : undefined
}

export const CONSUMER_NOT_FOUND = 10_014
export const STREAM_NOT_FOUND = 10_059
