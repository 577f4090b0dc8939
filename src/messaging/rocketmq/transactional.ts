import { type ErrorCode, OnlyonceError } from '../../core/errors.ts'
import { fingerprintOf, NO_FINGERPRINT } from '../../core/fingerprint.ts'
import { type KeyInput, resolveKey } from '../../core/key.ts'
import type { AtomicCall, AtomicEffect, Once } from '../../core/once.ts'
import { checkEach, invalidOption, positive, refuseUnknown } from '../../core/option-rules.ts'
import { checker, operationHeader, type RocketChecker } from './check-back.ts'
import type { RocketOutgoing, RocketProducer } from './client.ts'
import { idOf } from './message.ts'

/** The part of a transaction of `rocketmq-client-nodejs` we use. */
export interface RocketTransaction {
  commit(): Promise<unknown>
  rollback(): Promise<unknown>
}

/** The part of a `Producer` of `rocketmq-client-nodejs` we use: one that was started, and was made with a checker. */
export interface RocketTransactionalProducer extends RocketProducer {
  beginTransaction(): RocketTransaction
  send(message: RocketOutgoing, transaction?: RocketTransaction): Promise<unknown>
}

/** Options of `transactional`. */
export interface RocketTransactionalOptions<Tx> {
  /** An engine with a transactional store: its record answers the broker that asks about a half message. */
  readonly once: Pick<Once<Tx>, 'atomic' | 'store' | 'options'>
  /**
   * Default `maxRunMs + leaseMs`, and `waitMs` more with `onInFlight: 'wait'`. Age of a half message, from its sending
   * and by its producer's clock, at which the broker is told to drop it if its operation has no record. Until then the
   * effect may still commit: its call may wait for another one, run, or find out about its commit.
   */
  readonly rollbackAfterMs?: number
}

/** A message that the broker holds back until its transaction is decided. */
export interface HalfMessage {
  /** Default: the operation's key. What its consumers deduplicate on. */
  readonly id?: string
  /** A TRANSACTION topic. */
  readonly topic: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends half messages, and answers the broker that asks about them. */
export interface RocketTransactional<Tx> {
  /** For the option `checker` of every `Producer` of the topic: any of them may be asked about any half message. */
  readonly checker: RocketChecker
  /**
   * Sends the half message, runs `effect` once for `key` in one transaction with its record, then commits the message.
   * If the process dies in between, the broker asks, and the record answers. A call that finds the operation done
   * commits a copy with the same id. A key without `payload` or `fingerprint` stays bound to the id, topic and body of
   * its message; with one of them, make the message of nothing else: that of any attempt may be delivered.
   * @throws what `once.atomic` throws, and what the producer throws before the effect has begun
   */
  send<T>(
    producer: RocketTransactionalProducer,
    key: KeyInput,
    message: HalfMessage,
    effect: AtomicEffect<Tx, T>,
  ): Promise<T>
}

/** Errors after which the operation is, or may be, done: only its record can say. */
const UNDECIDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'STORE_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'LEASE_LOST',
  'RESULT_UNSERIALIZABLE',
  'DUPLICATE',
])

const KNOWN: readonly string[] = ['once', 'rollbackAfterMs']

/** Longest time from the half message, which is sent first, to a commit whose answer was lost. */
function longestCall({ onInFlight, waitMs, maxRunMs, leaseMs }: Once['options']): number {
  return (onInFlight === 'wait' ? waitMs : 0) + maxRunMs + leaseMs
}

/**
 * Returns a sender of messages that the broker delivers if, and only if, a transaction of yours committed.
 * @throws OnlyonceError OPTION_INVALID
 */
export function transactional<Tx>(options: RocketTransactionalOptions<Tx>): RocketTransactional<Tx> {
  refuseUnknown(options, KNOWN)
  const { once } = Object(options) as typeof options
  const atomic = Object(once).atomic as AtomicCall<Tx> | undefined
  if (typeof atomic !== 'function') throw invalidOption('once', 'must have a transactional store', once)
  const { rollbackAfterMs = longestCall(once.options) } = options
  checkEach(positive, { rollbackAfterMs })
  const { scope, maxKeyLength } = once.options

  async function send<T>(
    producer: RocketTransactionalProducer,
    key: KeyInput,
    { id, topic, body, headers = {} }: HalfMessage,
    effect: AtomicEffect<Tx, T>,
  ): Promise<T> {
    const { id: _, ...given } = resolveKey(key, scope, maxKeyLength)
    const messageId = id ?? given.key
    const named =
      given.fingerprint === NO_FINGERPRINT
        ? { ...given, fingerprint: fingerprintOf([messageId, topic, fingerprintOf(body)]) }
        : given
    const { keys, property } = idOf(messageId)
    const properties = new Map([...Object.entries(headers), operationHeader(named), property])
    const transaction = producer.beginTransaction()
    await producer.send({ topic, body: Buffer.from(body), keys, properties }, transaction)
    let value: T
    try {
      value = await (atomic as AtomicCall<Tx>)(named, effect)
    } catch (error) {
      // If the broker does not hear of it, it asks.
      if (!(OnlyonceError.is(error) && UNDECIDED.has(error.code))) await transaction.rollback().catch(() => {})
      throw error
    }
    await transaction.commit().catch(() => {})
    return value
  }

  return { checker: checker(once, rollbackAfterMs), send }
}
