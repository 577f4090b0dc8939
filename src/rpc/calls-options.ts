import { invalidOption, refuseUnknown } from '../core/options.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
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

export interface CallsOptions {
  /** Default: a random UUID. Answer the name of the operation in your own data; `undefined` sends the call without a key. */
  readonly key?: (call: RpcCall) => string | undefined
  /** Default `'idempotency-key'`. A call that has this header already keeps it as it is. */
  readonly keyHeader?: string
  /** Default `'idempotency-replayed'`. */
  readonly replayedHeader?: string
  /** Default 4. */
  readonly maxAttempts?: number
  /** Default 60 000. No attempt begins, or goes on waiting for its answer, after that. The call's own `timeoutMs` counts as well. */
  readonly deadlineMs?: number
  /** Default 10 000. How long one attempt may take. */
  readonly attemptTimeoutMs?: number
  /** Default 200. The pause before the second attempt is up to so long, each further one up to twice as long. */
  readonly backoffMs?: number
  /** Default 10 000. */
  readonly maxBackoffMs?: number
  /** Whether an error is worth another attempt. Default, and where it answers `undefined`: by its code. */
  readonly retry?: (error: RpcError) => boolean | undefined
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
const FUNCTIONS = ['key', 'retry', 'onEvent'] as const
const KNOWN: readonly string[] = [...FUNCTIONS, 'keyHeader', 'replayedHeader', 'runtime', ...Object.keys(NUMBERS)]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveCalls(given: CallsOptions): ResolvedCalls {
  refuseUnknown(given, KNOWN)
  for (const name of FUNCTIONS) {
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw invalidOption(name, 'must be a function', given[name])
  }
  const numbers: Record<keyof typeof NUMBERS, number> = { ...NUMBERS }
  for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
    const value = given[name] ?? NUMBERS[name]
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalidOption(name, 'must be a positive integer (milliseconds or a count)', value)
    numbers[name] = value
  }
  const { key, retry = () => undefined, onEvent = () => {}, runtime = systemRuntime } = given
  const { keyHeader = 'idempotency-key', replayedHeader = 'idempotency-replayed' } = given
  return { ...numbers, keyHeader, replayedHeader, retry, onEvent, runtime, ...(key === undefined ? {} : { key }) }
}
