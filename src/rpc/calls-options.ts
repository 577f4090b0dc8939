import { aFunction, aRuntime, checkEach, invalidOption, positiveOver, refuseUnknown } from '../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import { headerName } from './header-name.ts'
import type { RpcError } from './library.ts'
import type { RpcCall } from './shapes.ts'

/** What happened to a call. */
export type CallsEvent = { readonly procedure: string; readonly key: string | undefined } & (
  | {
      readonly type: 'attempt-failed'
      readonly attempt: number
      readonly error: RpcError
      /** `undefined`: there is no further attempt. */
      readonly retryMs: number | undefined
    }
  /** The server answered with the result of an earlier attempt. */
  | { readonly type: 'replayed'; readonly attempt: number }
)

/** Options of `idempotentCalls`; OPTION_INVALID when it is made names what is wrong. */
export interface CallsOptions {
  /** Default: a random UUID. Return the operation's name in your own data; `undefined` sends the call without a key. */
  readonly key?: (call: RpcCall) => string | undefined
  /** Default `'idempotency-key'`. A call that already has this header keeps it. */
  readonly keyHeader?: string
  /** Default `'idempotency-replayed'`. The header by which the server marks a replay. */
  readonly replayedHeader?: string
  /** Default 4. How often a call is sent at most; 1: never again. */
  readonly maxAttempts?: number
  /** Default 60 000. Time limit of the call with all its attempts. The call's own `timeoutMs` applies as well. */
  readonly deadlineMs?: number
  /** Default 10 000. Time limit of one attempt. */
  readonly attemptTimeoutMs?: number
  /** Default 200. Maximum pause before the second attempt; doubles with each further one. */
  readonly backoffMs?: number
  /** Default 10 000. The longest of these pauses. */
  readonly maxBackoffMs?: number
  /** Whether to retry after an error. By default, and if it returns `undefined`, the error's code decides. */
  readonly retry?: (error: RpcError) => boolean | undefined
  /** Default: nobody. Told of every failed attempt and every replay. What it throws is ignored. */
  readonly onEvent?: (event: CallsEvent) => void
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export type ResolvedCalls = Required<Omit<CallsOptions, 'key'>> & Pick<CallsOptions, 'key'>

const NUMBERS = {
  maxAttempts: 4,
  deadlineMs: 60_000,
  attemptTimeoutMs: 10_000,
  backoffMs: 200,
  maxBackoffMs: 10_000,
} as const
const KNOWN: readonly string[] = [
  ...['key', 'retry', 'onEvent', 'keyHeader', 'replayedHeader', 'runtime'],
  ...Object.keys(NUMBERS),
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveCalls(options: CallsOptions): ResolvedCalls {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as CallsOptions
  const numbers = positiveOver(NUMBERS, given)
  const { key, retry = () => undefined, onEvent = () => {}, runtime = systemRuntime } = given
  checkEach(aFunction, { key, retry, onEvent })
  checkEach(aRuntime, { runtime })
  const { backoffMs, maxBackoffMs } = numbers
  if (given.maxBackoffMs !== undefined && maxBackoffMs < backoffMs)
    throw invalidOption('maxBackoffMs', `must not be shorter than backoffMs (${backoffMs})`, maxBackoffMs)
  return {
    ...numbers,
    maxBackoffMs: Math.max(maxBackoffMs, backoffMs),
    keyHeader: headerName('keyHeader', given.keyHeader ?? 'idempotency-key'),
    replayedHeader: headerName('replayedHeader', given.replayedHeader ?? 'idempotency-replayed'),
    ...{ retry, onEvent, runtime },
    ...(key === undefined ? {} : { key }),
  }
}
