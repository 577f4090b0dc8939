/** One message as a broker delivered it. */
export interface Delivery {
  /** The message's own id: stable across redeliveries and across repeated publishing. Empty when it has none. */
  readonly id: string
  /** Queue, topic or subject it came from. */
  readonly source: string
  /**
   * Its place in the broker (topic, partition and offset; stream and sequence): stable across redeliveries, different
   * for a copy that was published again. Left out where a broker has no such place.
   */
  readonly coordinates?: string
  /** When the broker stored it, in ms since the epoch by the broker's clock. Left out where the broker does not say. */
  readonly publishedAt?: number
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Why the message cannot be read. It is then put aside, and no key is derived. */
  readonly unreadable?: string
  /** Messages with the same ordering key are handled one after the other. */
  readonly orderingKey?: string
  /**
   * False only when the broker is sure that it delivered this message to nobody before.
   * - `'maybe'`: it cannot tell this time, but will on a further delivery. The store is asked; a message without a
   *   record is treated as a first delivery.
   * - `'unknown'`: it never knows. Every start is counted, and only that count makes a message suspect.
   */
  readonly redelivered: boolean | 'maybe' | 'unknown'
  /**
   * Asks the broker to keep the message from others for another `ms`; `lost` when it is no longer ours. Left out where
   * the broker has no such request.
   */
  readonly extend?: (ms: number) => Promise<'ok' | 'lost'>
}

/** What to tell the broker. An adapter carries it out and decides nothing. */
export type Verdict =
  /** The effect is durable, here or by another owner: remove the message. */
  | { readonly kind: 'ack'; readonly shadow?: Observation }
  /** Deliver it again, not before `delayMs`. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly reason: string }
  /** Put it aside with the reason; the messages behind it go on. */
  | { readonly kind: 'dead-letter'; readonly reason: string }
  /** The message may be another consumer's by now: tell the broker nothing about it. */
  | { readonly kind: 'none'; readonly reason: string }

/** Why an inbox in shadow mode would otherwise have kept the message from the handler. */
export type Observation = 'duplicate' | 'in-flight' | 'mismatch' | 'unknown' | 'late'
