import type { Once, Operation } from '../core/once.ts'
import type { AbandonedPolicy } from '../core/options.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'

/** The part of an engine that every inbox uses. */
export type InboxEngine = Pick<Once, 'attempt' | 'exclusive' | 'find' | 'forget' | 'options' | 'store'>

export interface InboxRules {
  /** The consumer's name. Part of the scope: a second consumer of the same topic handles every message too. */
  readonly name: string
  /** Default: nothing. What the scope has beside the consumer's name, such as the tenant. */
  readonly scope?: (delivery: Delivery) => string
  /**
   * Default `'id'`, the message's own id. Messages with the same key take effect once together. `'coordinates'`: the
   * place in the broker, for producers that give no id; a copy that was published twice then takes effect twice.
   */
  readonly key?: 'id' | 'coordinates' | ((delivery: Delivery) => string)
  /** Default: the bytes of the body. The same key with another fingerprint is dead-lettered, never dropped. */
  readonly fingerprint?: (delivery: Delivery) => string
  /** Default 10. How often the handler may start, crashes of the process included, before the message is parked. */
  readonly maxAttempts?: number
  /** Default 200. The first retry comes after up to so long, each further one after up to twice as long. */
  readonly backoffMs?: number
  /** Default 60 000. */
  readonly maxBackoffMs?: number
  /** Default `maxRunMs` + `leaseMs`: by then whoever runs it has settled or lost it. How long a duplicate is held. */
  readonly holdMs?: number
  /** Default `leaseMs`. What each `delivery.extend` asks for, every third of it; not longer than the broker gives at first. */
  readonly visibilityMs?: number
  readonly leaseMs?: number
  readonly maxRunMs?: number
  /** How long a handled message is remembered. Longer than the broker can go on delivering it. */
  readonly retentionMs?: number
  readonly onAbandoned?: AbandonedPolicy
  /**
   * Default: not known. For how long after its publication the broker may still deliver a message. Longer than
   * `retentionMs`, a late copy would take effect again: the process is warned, or with `strict` the inbox refused.
   */
  readonly redeliveryHorizonMs?: number
  /** Default false. */
  readonly strict?: boolean
  /**
   * Default `'park'`: a message published longer ago than `retentionMs`, of which no record is left, is put aside,
   * because nobody can tell whether it took effect. `'run'` handles it.
   */
  readonly late?: 'park' | 'run'
  /**
   * Default `'enforce'`. `'shadow'` suppresses nothing: it hands every delivery to the handler, remembers what was
   * handled, and says in the verdict what would have been suppressed.
   */
  readonly mode?: 'enforce' | 'shadow'
}

export interface LeasedInboxOptions extends InboxRules {
  readonly once: InboxEngine
  /**
   * Record and effect are two steps with a lease between.
   * - `'at-least-once'`: `onAbandoned` decides after a crash.
   * - `'at-most-once'`: the handler starts once. A message whose start failed or was not seen to end is put aside.
   */
  readonly delivers: 'at-least-once' | 'at-most-once'
  readonly handle: (message: Message, op: Operation) => unknown
  readonly batch?: undefined
}

export interface AtomicInboxOptions<Tx> extends InboxRules {
  readonly once: Once<Tx>
  /** Record and the handler's own writes commit in one transaction. Transactional stores only. */
  readonly delivers: [Tx] extends [never] ? never : 'exactly-once-effect'
  readonly handle: (message: Message, tx: Tx, op: Operation) => unknown
  readonly batch?: undefined
}

export interface BatchRules {
  /** At most 1 000. How many messages share a transaction. */
  readonly maxSize: number
  /** Default 10. How long the first message of a batch waits for others. Shorter than `visibilityMs`. */
  readonly maxWaitMs?: number
}

export interface BatchInboxOptions<Tx> extends Omit<AtomicInboxOptions<Tx>, 'handle' | 'batch'> {
  /**
   * Many messages are claimed, handled and recorded in one transaction. A message that was handled before is not handed
   * over again. When `handle` throws, the transaction is undone and each half tried by itself; a message that is alone in
   * the end is handled as without this option, with attempts, back-off and parking.
   */
  readonly batch: BatchRules
  /** Gets a batch of one where a message goes alone. Messages with the same ordering key are in order. */
  readonly handle: (messages: readonly Message[], tx: Tx, ops: readonly Operation[]) => unknown
}

export type InboxOptions<Tx> = LeasedInboxOptions | AtomicInboxOptions<Tx> | BatchInboxOptions<Tx>
