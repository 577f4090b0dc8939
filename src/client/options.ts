import {
  aFunction,
  aRuntime,
  checkEach,
  invalidOption,
  oneOf,
  positive,
  positiveOver,
  type Rule,
  refuseUnknown,
} from '../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import type { ClientListener } from './events.ts'
import type { KeyFormat } from './keys.ts'
import { headerName, listOf, originOf } from './rules.ts'
import type { Failure, OutgoingRequest, QueuedCall } from './types.ts'

/**
 * What to do about a call that failed:
 * - `failover`: try again, at the next endpoint where there are several
 * - `failfast`: make one attempt only
 * - `failsafe`: return a response instead of throwing, made up if there is none
 * - `failback`: keep it and send it again later
 */
export type ClusterPolicy = 'failover' | 'failfast' | 'failsafe' | 'failback'

/**
 * Options of `idempotentFetch`. Checked when it is made: OPTION_INVALID names what is unknown, out of range, or has no
 * effect under the chosen policy. A request's own `signal` ends its call at any time.
 */
export interface IdempotentFetchOptions {
  /** Default `'failover'`. */
  readonly policy?: ClusterPolicy
  /** Default: a random UUID. Return the operation's id in your data; `undefined` sends the call without a key, once. */
  readonly key?: (request: OutgoingRequest) => string | undefined
  /** Default `'idempotency-key'`. A call that has this header already keeps it as it is. */
  readonly keyHeader?: string
  /** Default `'bare'`. `'quoted'`: a structured-field string, as in the IETF draft. */
  readonly keyFormat?: KeyFormat
  /** Default `['POST', 'PATCH']`. The methods whose calls get a key. */
  readonly methods?: readonly string[]
  /** Default: none. Origins that serve the same and share one store of keys, such as `'https://a.example'`. */
  readonly endpoints?: readonly string[]
  /** Default 4 for `failover`, 1 for the others. `failfast` allows only 1. */
  readonly maxAttempts?: number
  /** Default 60 000, from the start of the call. After that no attempt starts or waits for its answer. */
  readonly deadlineMs?: number
  /** Default 10 000. How long one attempt may take. */
  readonly attemptTimeoutMs?: number
  /** Default 200. The longest pause before the second attempt; it doubles with each further one. */
  readonly backoffMs?: number
  /**
   * Default 10 000, or `backoffMs` if that is longer. The longest of these pauses; the server's `Retry-After` comes on
   * top.
   */
  readonly maxBackoffMs?: number
  /** Default 1 MiB. A longer request body is refused where it would have to be kept for a retry, or given to `key`. */
  readonly maxBodyBytes?: number
  /** Default 1 MiB. How much of an answer to read before the call resolves; 0: nothing. Event streams are not read. */
  readonly readAheadBytes?: number
  /**
   * Whether an answer is worth another attempt. Default, and for `undefined`: 408, 425, 429, 5xx, and 409 to a key
   * unless its problem is final; `Stripe-Should-Retry` and `Transient-Error` take precedence.
   */
  readonly retry?: (response: Response) => boolean | undefined
  /**
   * Default `'idempotency-replayed'`. The header by which the server marks a replay, which is the final answer, also a
   * 500, unless `retry` says otherwise.
   */
  readonly replayedHeader?: string
  /** For `failsafe`. Default: the server's answer where there is one, a 503 of our own otherwise. */
  readonly fallback?: (failure: Failure) => Response
  /** For `failback`: stores a call, resolves when it is safe. Default: this process's memory, which a crash loses. */
  readonly queue?: (call: QueuedCall) => unknown
  /** Default `['accept', 'content-type']`. The headers passed to your `queue`, besides the key: no credentials. */
  readonly queuedHeaders?: readonly string[]
  /** Default 1 000. How many calls this process's memory keeps. */
  readonly maxQueued?: number
  /** Default 43 200 000, 12 hours. Older calls are dropped. Keep it shorter than the server remembers keys. */
  readonly maxQueuedMs?: number
  /** Default: nobody. Told of every failed attempt, replay, and call that is kept, delivered or dropped. */
  readonly onEvent?: ClientListener
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export type ResolvedClient = Required<Omit<IdempotentFetchOptions, 'queue' | 'fallback' | 'key'>> &
  Pick<IdempotentFetchOptions, 'queue' | 'fallback' | 'key'>

const POLICIES = ['failover', 'failfast', 'failsafe', 'failback'] as const
const NUMBERS = {
  maxAttempts: 1,
  deadlineMs: 60_000,
  attemptTimeoutMs: 10_000,
  backoffMs: 200,
  maxBackoffMs: 10_000,
  maxBodyBytes: 1024 * 1024,
  maxQueued: 1_000,
  maxQueuedMs: 12 * 3_600_000,
} as const
const KNOWN: readonly string[] = [
  ...['policy', 'key', 'keyHeader', 'keyFormat', 'methods', 'endpoints', 'retry', 'replayedHeader', 'fallback'],
  ...['queue', 'queuedHeaders', 'onEvent', 'runtime', 'readAheadBytes', ...Object.keys(NUMBERS)],
]

const notNegative: Rule = (value) => (value === 0 ? undefined : positive(value) && 'must be a positive integer or 0')

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveClient(options: IdempotentFetchOptions): ResolvedClient {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as IdempotentFetchOptions
  const { policy = 'failover', keyFormat = 'bare', readAheadBytes = 1024 * 1024 } = given
  checkEach(oneOf(...POLICIES), { policy })
  checkEach(oneOf('bare', 'quoted'), { keyFormat })
  checkEach(notNegative, { readAheadBytes })
  const numbers = positiveOver({ ...NUMBERS, maxAttempts: policy === 'failover' ? 4 : 1 }, given)
  if (policy === 'failfast' && numbers.maxAttempts > 1)
    throw invalidOption(
      'maxAttempts',
      "cannot be given with the policy 'failfast', which makes one",
      numbers.maxAttempts,
    )
  if (given.maxBackoffMs !== undefined && numbers.maxBackoffMs < numbers.backoffMs)
    throw invalidOption(
      'maxBackoffMs',
      `must not be shorter than backoffMs (${numbers.backoffMs})`,
      numbers.maxBackoffMs,
    )
  for (const [name, only] of [
    ['fallback', 'failsafe'],
    ['queue', 'failback'],
  ] as const) {
    if (given[name] !== undefined && policy !== only)
      throw invalidOption(name, `has no effect on the policy '${policy}'; it is for '${only}'`, policy)
  }
  const { key, fallback, queue, retry = () => undefined, onEvent = () => {}, runtime = systemRuntime } = given
  checkEach(aFunction, { key, fallback, queue, retry, onEvent })
  checkEach(aRuntime, { runtime })
  return {
    ...numbers,
    policy,
    readAheadBytes,
    maxBackoffMs: Math.max(numbers.maxBackoffMs, numbers.backoffMs),
    keyHeader: headerName('keyHeader', given.keyHeader ?? 'idempotency-key'),
    keyFormat,
    replayedHeader: headerName('replayedHeader', given.replayedHeader ?? 'idempotency-replayed'),
    methods: listOf('methods', given.methods ?? ['POST', 'PATCH']).map((method) => method.toUpperCase()),
    endpoints: listOf('endpoints', given.endpoints ?? []).map(originOf),
    queuedHeaders: listOf('queuedHeaders', given.queuedHeaders ?? ['accept', 'content-type']),
    retry,
    onEvent,
    runtime,
    ...(key === undefined ? {} : { key }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(queue === undefined ? {} : { queue }),
  }
}
