import type { Operation } from '../core/once.ts'
import { aRuntime, checkEach, invalidOption, positive, refuseUnknown } from '../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import type { OutboxStats, ParkedEntry, TransactionalStore } from '../core/store.ts'
import { checkedMessage, MAX_BODY_BYTES, type NewMessage } from './message.ts'
import { nextId } from './next-id.ts'
import { tableOf } from './table.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type {
  OutboxEntry,
  OutboxMessage,
  OutboxSettlement,
  OutboxStats,
  OutboxTable,
  ParkedEntry,
} from '../core/store.ts'
export type { NewMessage } from './message.ts'
export { NotPublished, type NotPublishedCode } from './not-published.ts'
export { type Published, type PublishOnce, type PublishOnceOptions, publishOnce } from './publish-once.ts'
export { type Relay, type RelayEvent, type RelayOptions, relay } from './relay.ts'

/** Options of `outbox`; any other name is OPTION_INVALID. */
export interface OutboxOptions {
  /** Default 1 MiB. Larger bodies are refused. */
  readonly maxBodyBytes?: number
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

/**
 * Which parked messages to return. `limit`: default 100. `after`: the last position seen; default 0, from the
 * beginning.
 */
export interface ParkedPage {
  readonly limit?: number
  readonly after?: number
}

/** Adds messages in transactions of the type `Tx`, and looks after those that were parked. A relay publishes them. */
export interface Outbox<Tx> {
  /** Adds several messages, as `add` does one. Returns their ids. @throws OnlyonceError OPTION_INVALID */
  add(tx: Tx, messages: readonly NewMessage[], op?: Pick<Operation, 'child'>): Promise<readonly string[]>
  /**
   * Adds a message to the caller's open transaction: published if it commits, gone if it does not. Returns its id.
   * A message whose id is already waiting or parked is ignored.
   *
   * `op`: the operation whose effect this is. It derives ids for messages without one from scope, key and their index
   * among all messages this run adds, so that a later run adds the same ids. For `once.atomic`. If an effect retries a
   * transaction itself, the index keeps counting.
   * @throws OnlyonceError OPTION_INVALID naming what is wrong with the message
   */
  add(tx: Tx, message: NewMessage, op?: Pick<Operation, 'child'>): Promise<string>
  /** Counts what waits and what is parked, and tells how long the oldest waiting message has been there. */
  stats(): Promise<OutboxStats>
  /** Returns parked messages, the oldest first. `limit`: default 100. `after`: the last position seen. */
  parked(page?: ParkedPage): Promise<readonly ParkedEntry[]>
  /** Queues parked messages again, at their old positions and with no failures. Returns how many were parked. */
  unpark(positions: readonly number[]): Promise<number>
  /** Removes parked messages for good. Returns how many were parked. */
  discard(positions: readonly number[]): Promise<number>
}

const TX_RULE = 'must be the open transaction that `once.atomic` or `store.transaction` hands to its function'

/**
 * Returns the outbox of a transactional store: messages added in a transaction are published, by a `relay`, if and only
 * if it commits.
 * @throws OnlyonceError OPTION_INVALID
 */
export function outbox<Tx>(store: TransactionalStore<Tx>, options: OutboxOptions = {}): Outbox<Tx> {
  refuseUnknown(options, ['maxBodyBytes', 'runtime'])
  const { maxBodyBytes = MAX_BODY_BYTES, runtime = systemRuntime } = Object(options) as OutboxOptions
  const table = tableOf(store)
  checkEach(positive, { maxBodyBytes })
  checkEach(aRuntime, { runtime })

  async function add(tx: Tx, given: readonly NewMessage[], op?: Pick<Operation, 'child'>): Promise<readonly string[]>
  async function add(tx: Tx, given: NewMessage, op?: Pick<Operation, 'child'>): Promise<string>
  async function add(
    tx: Tx,
    given: NewMessage | readonly NewMessage[],
    op?: Pick<Operation, 'child'>,
  ): Promise<string | readonly string[]> {
    // With one argument that is the message, and it is the transaction that is missing.
    if (tx === undefined || tx === null || given === undefined) throw invalidOption('tx', TX_RULE, tx)
    const newId = op === undefined ? () => runtime.token() : nextId(op)
    const messages = (isList(given) ? given : [given]).map((one) => checkedMessage(one, newId, maxBodyBytes))
    if (messages.length > 0) await table.append(tx, messages)
    const ids = messages.map(({ id }) => id)
    return isList(given) ? ids : (ids[0] as string)
  }

  return {
    add,
    stats: () => table.stats(),
    async parked(page) {
      refuseUnknown(page, ['limit', 'after'])
      const { limit = 100, after = 0 } = Object(page) as ParkedPage
      checkEach(positive, { limit })
      if (!isPosition(after)) throw invalidOption('after', 'must be what `parked` answered as `position`', after)
      return table.parked(limit, after)
    },
    async unpark(positions) {
      checkPositions(positions)
      return table.unpark(positions)
    },
    async discard(positions) {
      checkPositions(positions)
      return table.discard(positions)
    },
  }
}

const isList = <T>(given: T | readonly T[]): given is readonly T[] => Array.isArray(given)

const isPosition = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 0

function checkPositions(positions: readonly unknown[]): void {
  if (Array.isArray(positions) && positions.every(isPosition)) return
  throw invalidOption('positions', 'must be a list of what `parked` answered as `position`: numbers', positions)
}
