import type { Once, Operation } from '../core/once.ts'
import type { AbandonedPolicy } from '../core/options.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'

/** The part of an engine that every inbox uses. */
export type InboxEngine = Pick<Once, 'attempt' | 'exclusive' | 'forget' | 'options' | 'store'>

/** The options that every inbox has, whatever its guarantee. */
export interface InboxRules {
  /** The consumer's name. Part of the scope: a consumer with another name handles every message too. */
  readonly name: string
  /** Default: nothing. Part of the scope besides the consumer's name, such as the tenant. */
  readonly scope?: (delivery: Delivery) => string
  /**
   * Default `'id'`, the message's own id. Messages with the same key take effect once in total. `'coordinates'`: the
   * place in the broker, for producers that give no id; a message that was published twice then takes effect twice.
   */
  readonly key?: 'id' | 'coordinates' | ((delivery: Delivery) => string)
  /** Default: the bytes of the body. The same key with another fingerprint is dead-lettered, never dropped. */
  readonly fingerprint?: (delivery: Delivery) => string
  /** Default 10. How often the handler may start, process crashes included, before the message is parked. */
  readonly maxAttempts?: number
  /** Default 200. Upper limit of the first retry's delay; it doubles with each further retry. */
  readonly backoffMs?: number
  /** Default 60 000. The longest of these delays; not shorter than `backoffMs`. */
  readonly maxBackoffMs?: number
  /** Default `maxRunMs` + `leaseMs`, when any owner has settled or lost its lease. How long a duplicate is held. */
  readonly holdMs?: number
  /** Default `leaseMs`. What `delivery.extend` asks for, every third of it. At most what the broker grants at first. */
  readonly visibilityMs?: number
  /** Default: the engine's. How long a message stays claimed after the process that handled it died. */
  readonly leaseMs?: number
  /** Default: the engine's. The longest one run of the handler may take; then another consumer may start it. */
  readonly maxRunMs?: number
  /**
   * Default: the engine's. How long a handled message is remembered. Make it longer than the broker may deliver the
   * message.
   */
  readonly retentionMs?: number
  /** Default: the engine's. What to do when an earlier handler of the message disappeared without an end. */
  readonly onAbandoned?: AbandonedPolicy
  /**
   * Default: not known. How long after publication the broker may still deliver a message. If that is longer than
   * `retentionMs`, a late copy would take effect again: a process warning, or with `strict` an error.
   */
  readonly redeliveryHorizonMs?: number
  /**
   * Default false. `true`: a `redeliveryHorizonMs` longer than `retentionMs` is OPTION_INVALID instead of a warning.
   */
  readonly strict?: boolean
  /**
   * Default `'park'`: a message published longer ago than `retentionMs` and without a record is put aside, because
   * nobody can tell whether it took effect; also if its attempts were undone and left none. `'run'` handles it.
   */
  readonly late?: 'park' | 'run'
  /**
   * Default `'enforce'`. `'shadow'` suppresses nothing: every delivery goes to the handler, handled ones are
   * remembered, and the verdict says what would have been suppressed.
   */
  readonly mode?: 'enforce' | 'shadow'
}

/** Options of an inbox on any store: `handle` gets `(message, op)`. */
export interface LeasedInboxOptions extends InboxRules {
  /** The engine whose store keeps what was handled. You close it, after the consumer was stopped. */
  readonly once: InboxEngine
  /**
   * Record and effect are two steps with a lease between.
   * - `'at-least-once'`: `onAbandoned` decides after a crash.
   * - `'at-most-once'`: the handler starts once. A message whose start failed or was not seen to end is put aside.
   */
  readonly delivers: 'at-least-once' | 'at-most-once'
  /**
   * The effect. What it returns is not kept. When it throws, the message comes again after a pause, up to `maxAttempts`
   * starts; `Unprocessable` puts it aside at once.
   */
  readonly handle: (message: Message, op: Operation) => unknown
  /** Only with `'exactly-once-effect'`. */
  readonly batch?: undefined
}

/** What inboxes on a transactional store have in common. */
interface TransactionalRules<Tx> extends InboxRules {
  /** An engine with a transactional store (SQLite, PostgreSQL, MySQL). You close it, after the consumer was stopped. */
  readonly once: Once<Tx>
  /** Record and the handler's own writes commit in one transaction. Transactional stores only. */
  readonly delivers: [Tx] extends [never] ? never : 'exactly-once-effect'
}

/** Options of an inbox on a transactional store: `handle` gets `(message, tx, op)`, and writes through `tx`. */
export interface AtomicInboxOptions<Tx> extends TransactionalRules<Tx> {
  /**
   * The effect: what it writes through `tx` commits with the record. What it returns is not kept. When it throws, that
   * is undone and the message comes again after a pause, up to `maxAttempts` starts; `Unprocessable` puts it aside at
   * once.
   */
  readonly handle: (message: Message, tx: Tx, op: Operation) => unknown
  /** Default: none, each message in a transaction of its own. Given, `handle` gets lists: see `BatchInboxOptions`. */
  readonly batch?: undefined
}

/** How large a batch may become, and how long it waits for that. */
export interface BatchRules {
  /** Maximum number of messages in one transaction, at most 1 000. */
  readonly maxSize: number
  /** Default 10. How long the first message of a batch waits for others. Shorter than `visibilityMs`. */
  readonly maxWaitMs?: number
}

/** Options of an inbox that handles many messages in one transaction: `handle` gets `(messages, tx, ops)`. */
export interface BatchInboxOptions<Tx> extends TransactionalRules<Tx> {
  /**
   * Claims, handles and records many messages in one transaction. Messages handled before are not handed over again.
   * When `handle` throws, the transaction is rolled back and each half tried by itself; a message that ends up alone is
   * handled as without this option, with attempts, back-off and parking.
   */
  readonly batch: BatchRules
  /** Called with one message if that is handled alone. Messages with the same ordering key are in order. */
  readonly handle: (messages: readonly Message[], tx: Tx, ops: readonly Operation[]) => unknown
}

/** Options of `inbox`, whatever the guarantee: `delivers` and `batch` tell which. */
export type InboxOptions<Tx> = LeasedInboxOptions | AtomicInboxOptions<Tx> | BatchInboxOptions<Tx>
