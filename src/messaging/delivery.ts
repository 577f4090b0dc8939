/** One message as a broker handed it over, and what the broker needs to hear of it. */
export interface Delivery {
  /** The message's own id: stable across redeliveries and across repeated publishing. Empty when it has none. */
  readonly id: string
  /** Queue, topic or subject it came from. */
  readonly source: string
  /**
   * Where the broker keeps it (topic, partition and offset; stream and sequence): stable across redeliveries, another
   * one for a copy that was published again. Left out where a broker has no such place.
   */
  readonly coordinates?: string
  /** When the broker took it, in ms since the epoch by the broker's clock. Left out where the broker does not say. */
  readonly publishedAt?: number
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Why it cannot be told what the message is: then it is put aside, whatever its key is made of. */
  readonly unreadable?: string
  /** Messages with the same ordering key are handled one after the other. */
  readonly orderingKey?: string
  /**
   * False only when the broker is sure that nobody was given this message before.
   * - `'maybe'`: it cannot tell this time, and will if it hands the message over again. The store is asked; a message of
   *   which it knows nothing is treated as a first delivery.
   * - `'unknown'`: it never knows. Every start is counted, and only what such a count says is suspected.
   */
  readonly redelivered: boolean | 'maybe' | 'unknown'
  /**
   * Asks the broker to keep the message away from others for another `ms`; `lost` when it is not ours any more.
   * Left out where the broker knows no such thing.
   */
  readonly extend?: (ms: number) => Promise<'ok' | 'lost'>
}

/** What to tell the broker. An adapter carries it out and decides nothing. */
export type Verdict =
  /** The effect is durable, or somebody else's was: forget the message. */
  | { readonly kind: 'ack'; readonly shadow?: Observation }
  /** Hand it over again, not before `delayMs`. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly reason: string }
  /** Put it aside with the reason; the messages behind it go on. */
  | { readonly kind: 'dead-letter'; readonly reason: string }
  /** The broker gave it to somebody else meanwhile: say nothing about it. */
  | { readonly kind: 'none'; readonly reason: string }

/** What an inbox in shadow mode would have kept from the handler, and why. */
export type Observation = 'duplicate' | 'in-flight' | 'mismatch' | 'unknown' | 'late'
