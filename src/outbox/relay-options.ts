import { aFunction, aRuntime, checkEach, invalidOption, positive, refuseUnknown } from '../core/option-rules.ts'
import type { Publisher } from '../core/publisher.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import type { TransactionalStore } from '../core/store.ts'

/** What happened to messages, or to the relay itself. */
export type RelayEvent =
  /** `true`: this relay has taken the lease and publishes. `false`: it no longer has it. */
  | { readonly type: 'leading'; readonly leading: boolean }
  | { readonly type: 'published'; readonly count: number; readonly tookMs: number }
  /**
   * The broker refused one message, or the message's row cannot be read and the broker was not asked. It is tried again
   * in `retryMs`, or never when `parked`.
   */
  | {
      readonly type: 'refused'
      readonly id: string
      readonly topic: string
      readonly reason: string
      readonly failures: number
      readonly parked: boolean
      readonly retryMs: number
    }
  /** Nothing is known of these messages: the call threw or did not answer. They are published again. */
  | {
      readonly type: 'publish-failed'
      readonly ids: readonly string[]
      readonly error: unknown
      readonly retryMs: number
    }
  | { readonly type: 'store-failed'; readonly error: unknown; readonly retryMs: number }

/** Options of `relay`. Numbers are positive integers, times milliseconds; anything else is OPTION_INVALID. */
export interface RelayOptions<Tx = unknown> {
  /** The store whose transactions the messages were added in. You close it, after `stop`. */
  readonly store: TransactionalStore<Tx>
  /** Hands a batch to the broker and answers for each message, in order: `publisher(…)` of a broker, or your own. */
  readonly publish: Publisher
  /** Default: a random one. Two relays need two names. */
  readonly name?: string
  /** Default 500. Messages in one publish call. Up to three batches are in memory; retries are read from the store. */
  readonly batchSize?: number
  /** Default 30 000. Time after which another relay takes over from one that disappeared. */
  readonly leaseMs?: number
  /** Default 250. How long an idle relay waits before it looks again; `wake` ends the wait. */
  readonly pollMs?: number
  /** Default half of `leaseMs`. A publish call that has not answered by then counts as unknown. */
  readonly publishTimeoutMs?: number
  /** Default 500. Doubles with every failure of the same message. */
  readonly backoffMs?: number
  /** Default 60 000. The longest pause before a message that was refused is tried again. */
  readonly maxBackoffMs?: number
  /** Default: no limit, so that a broker outage parks nothing. A message is parked after this many failures. */
  readonly maxFailures?: number
  /** Told of every batch, refusal, failure and change of leadership. Default: nobody. */
  readonly onEvent?: (event: RelayEvent) => void
  /** Default: ignored. Called when `onEvent` throws or rejects, which does not affect publishing. */
  readonly onListenerError?: (error: unknown) => void
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export type ResolvedRelay = Required<Omit<RelayOptions, 'store'>>

const NUMBERS = [
  'batchSize',
  'leaseMs',
  'pollMs',
  'publishTimeoutMs',
  'backoffMs',
  'maxBackoffMs',
  'maxFailures',
] as const
const KNOWN: readonly string[] = ['store', 'publish', 'name', 'onEvent', 'onListenerError', 'runtime', ...NUMBERS]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveRelay<Tx>(options: RelayOptions<Tx>): ResolvedRelay {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as RelayOptions<Tx>
  const { publish, runtime = systemRuntime, leaseMs = 30_000, backoffMs = 500 } = given
  const { onEvent = () => {}, onListenerError = () => {} } = given
  if (typeof publish !== 'function') throw invalidOption('publish', 'is required: a function', publish)
  checkEach(aFunction, { onEvent, onListenerError })
  checkEach(aRuntime, { runtime })
  const { name = runtime.token() } = given
  if (typeof name !== 'string' || name.trim() === '' || name.length > 255)
    throw invalidOption('name', 'must be a string of 1 to 255 characters', name)
  for (const option of NUMBERS) checkEach(positive, { [option]: given[option] })
  const { publishTimeoutMs = Math.ceil(leaseMs / 2), maxBackoffMs = Math.max(60_000, backoffMs) } = given
  if (publishTimeoutMs > leaseMs)
    throw invalidOption('publishTimeoutMs', `must not be longer than leaseMs (${leaseMs})`, publishTimeoutMs)
  if (maxBackoffMs < backoffMs)
    throw invalidOption('maxBackoffMs', `must not be shorter than backoffMs (${backoffMs})`, maxBackoffMs)
  const { batchSize = 500, pollMs = 250, maxFailures = Number.POSITIVE_INFINITY } = given
  return {
    publish,
    runtime,
    onEvent,
    onListenerError,
    name,
    batchSize,
    leaseMs,
    pollMs,
    publishTimeoutMs,
    backoffMs,
    maxBackoffMs,
    maxFailures,
  }
}
