import { type ErrorCode, OnlyonceError } from '../../core/errors.ts'
import { type KeyInput, resolveKey } from '../../core/key.ts'
import type { AtomicCall, AtomicEffect, Once } from '../../core/once.ts'
import { invalidOption, refuseUnknown } from '../../core/options.ts'
import { type Checker, checker, operationHeader } from './check-back.ts'
import type { RocketOutgoing, RocketProducer } from './client.ts'
import { idOf } from './message.ts'

export interface RocketTransaction {
  commit(): Promise<unknown>
  rollback(): Promise<unknown>
}

/** A `Producer` that was started, and was made with a checker. */
export interface RocketTransactionalProducer extends RocketProducer {
  beginTransaction(): RocketTransaction
  send(message: RocketOutgoing, transaction?: RocketTransaction): Promise<unknown>
}

export interface RocketTransactionalOptions<Tx> {
  readonly once: Pick<Once<Tx>, 'atomic' | 'find' | 'options'>
  /**
   * Default `maxRunMs + leaseMs`, and `waitMs` more with `onInFlight: 'wait'`. How old a half message is, from its sending
   * and by the clock of its producer, when the broker is told to drop it because there is no record of its operation.
   * Until then the effect may still be about to commit: its call may wait for another one, run, and find out about its
   * commit.
   */
  readonly rollbackAfterMs?: number
}

export interface HalfMessage {
  /** Default: the operation's key. What its consumers deduplicate on. */
  readonly id?: string
  /** A TRANSACTION topic. */
  readonly topic: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface RocketTransactional<Tx> {
  /** For the option `checker` of every `Producer` of the topic: any of them may be asked about any half message. */
  readonly checker: Checker
  /**
   * Sends the half message, runs `effect` once for `key` in one transaction with its record, commits the message. Killed
   * in between, the broker asks, and the record answers. A call that finds the operation done commits a copy with the
   * same id.
   * @throws what `once.atomic` throws, and what the producer throws before the effect has begun
   */
  send<T>(
    producer: RocketTransactionalProducer,
    key: KeyInput,
    message: HalfMessage,
    effect: AtomicEffect<Tx, T>,
  ): Promise<T>
}

/** The operation is done, or may be: only its record can say. */
const UNDECIDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'STORE_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'LEASE_LOST',
  'RESULT_UNSERIALIZABLE',
  'DUPLICATE',
])

const KNOWN: readonly string[] = ['once', 'rollbackAfterMs']

/** From the half message, which is sent before anything else, to a commit of which the answer was lost. */
function longestCall({ onInFlight, waitMs, maxRunMs, leaseMs }: Once['options']): number {
  return (onInFlight === 'wait' ? waitMs : 0) + maxRunMs + leaseMs
}

/**
 * A message that the broker hands out if, and only if, a transaction of yours committed.
 * @throws OnlyonceError OPTION_INVALID
 */
export function transactional<Tx>(options: RocketTransactionalOptions<Tx>): RocketTransactional<Tx> {
  refuseUnknown(options, KNOWN)
  const { once } = options
  const atomic = Object(once).atomic as AtomicCall<Tx> | undefined
  if (typeof atomic !== 'function') throw invalidOption('once', 'must have a transactional store', once)
  const { rollbackAfterMs = longestCall(once.options) } = options
  if (!Number.isSafeInteger(rollbackAfterMs) || rollbackAfterMs <= 0)
    throw invalidOption('rollbackAfterMs', 'must be a positive integer', rollbackAfterMs)
  const { scope, maxKeyLength } = once.options

  async function send<T>(
    producer: RocketTransactionalProducer,
    key: KeyInput,
    { id, topic, body, headers = {} }: HalfMessage,
    effect: AtomicEffect<Tx, T>,
  ): Promise<T> {
    const named = resolveKey(key, scope, maxKeyLength)
    const { keys, property } = idOf(id ?? named.key)
    const properties = new Map([...Object.entries(headers), operationHeader(named), property])
    const transaction = producer.beginTransaction()
    await producer.send({ topic, body: Buffer.from(body), keys, properties }, transaction)
    let value: T
    try {
      value = await (atomic as AtomicCall<Tx>)(key, effect)
    } catch (error) {
      // What the broker does not hear, it asks for.
      if (!(OnlyonceError.is(error) && UNDECIDED.has(error.code))) await transaction.rollback().catch(() => {})
      throw error
    }
    await transaction.commit().catch(() => {})
    return value
  }

  return { checker: checker(once, rollbackAfterMs), send }
}
