import {
  aBoolean,
  aFunction,
  checkEach,
  functionOr,
  invalidOption,
  oneOf,
  positive,
  refuseUnknown,
} from '../core/option-rules.ts'
import type { AbandonedOperation, CallOptions, SharedCallOptions } from '../core/options.ts'
import { headerName } from './header-name.ts'
import type { RpcError } from './library.ts'
import type { RpcCall } from './shapes.ts'

type Answer<T> = T | Promise<T>

/** Whether an abandoned call happened; `message` is the response that its duplicates get. */
export type ReconciledCall = { readonly happened: true; readonly message: unknown } | { readonly happened: false }

/**
 * Options of the server interceptor. Checked when it is made: OPTION_INVALID names what is wrong. Those of a call, such
 * as `leaseMs`, override the engine's.
 */
export interface RpcIdempotencyOptions extends SharedCallOptions {
  /** Whose key it is: the authenticated principal or tenant. `'public'`: all callers share one key space. */
  readonly scope: 'public' | ((call: RpcCall) => Answer<string>)
  /** Default: none. Returns a business key, used instead of the metadata; `undefined`: the call has no key. */
  readonly key?: (call: RpcCall) => Answer<string | undefined>
  /** Default `'idempotency-key'`. The metadata that has the key. */
  readonly keyHeader?: string
  /** Default `false`: a call without a key passes unprotected. `true`, or for which: INVALID_ARGUMENT. */
  readonly required?: boolean | ((call: RpcCall) => boolean)
  /** Which methods are guarded. Default: those whose `idempotency_level` is unknown. */
  readonly methods?: (call: RpcCall) => boolean
  /** Default `'refuse'`: a stream that would be guarded is refused with INTERNAL. `'pass'`: it runs unprotected. */
  readonly streams?: 'refuse' | 'pass'
  /** Default 262 144. The longest response that is stored; duplicates of a longer one get ALREADY_EXISTS. */
  readonly maxBodyBytes?: number
  /**
   * Whether an error is the final result or releases the operation. Default, and where it answers `undefined` or
   * throws: its code decides. What it throws goes to the engine's `onListenerError`.
   */
  readonly outcome?: (error: RpcError, call: RpcCall) => 'final' | 'release' | undefined
  /** Default: none. Headers and trailers of the handler that a replay has too. */
  readonly replayHeaders?: readonly string[]
  /** Default `'idempotency-replayed'`, with the value `true`. The header that marks a replay. */
  readonly replayedHeader?: string
  /** Default `['gzip', 'br']`, as in Connect's Node server: the names in the server's `acceptCompression`. */
  readonly compression?: readonly string[]
  /** Default: the engine's. What to do when an earlier process disappeared while it handled the call. */
  readonly onAbandoned?: 'retry' | 'hold' | ((op: AbandonedOperation, call: RpcCall) => Answer<ReconciledCall>)
}

const CALL_OPTIONS = [
  'leaseMs',
  'maxRunMs',
  'retentionMs',
  'onDuplicate',
  'onInFlight',
  'waitMs',
  'onStoreDown',
] as const

type CallPart = Pick<CallOptions, (typeof CALL_OPTIONS)[number]>

export interface RpcRules
  extends Required<Omit<RpcIdempotencyOptions, keyof CallOptions | 'key' | 'outcome' | 'onAbandoned'>>,
    Pick<RpcIdempotencyOptions, 'key' | 'outcome' | 'onAbandoned'> {
  readonly call: CallPart
}

/** Headers that belong to one client, one connection, or the protocol itself. */
const NEVER_REPLAYED =
  /^(?:set-cookie|date|connection|keep-alive|content-(?:type|length|encoding)|te|trailer|transfer-encoding|upgrade|grpc-.*|connect-.*)$/
const OWN: readonly string[] = [
  ...['scope', 'key', 'keyHeader', 'required', 'methods', 'streams', 'maxBodyBytes', 'outcome'],
  ...['replayHeaders', 'replayedHeader', 'compression', 'onAbandoned'],
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value; the engine checks the options passed on to it */
export function resolveRpc(given: RpcIdempotencyOptions): RpcRules {
  refuseUnknown(given, [...OWN, ...CALL_OPTIONS])
  const call: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(Object(given))) {
    if ((CALL_OPTIONS as readonly string[]).includes(name)) {
      if (value !== undefined) call[name] = value
    }
  }
  const {
    scope,
    required = false,
    streams = 'refuse',
    maxBodyBytes = 262_144,
    onAbandoned,
  } = Object(given) as RpcIdempotencyOptions
  if (scope !== 'public' && typeof scope !== 'function')
    throw invalidOption(
      'scope',
      "is required: a function that answers who is asking, or 'public' where all callers may share their keys",
      scope,
    )
  checkEach(functionOr(aBoolean), { required })
  checkEach(oneOf('refuse', 'pass'), { streams })
  checkEach(positive, { maxBodyBytes })
  checkEach(functionOr(oneOf('retry', 'hold')), { onAbandoned })
  const { key, outcome, methods = ({ idempotencyLevel }) => idempotencyLevel === 0 } = given
  checkEach(aFunction, { key, methods, outcome })
  return {
    ...{ scope, required, methods, streams, maxBodyBytes, call },
    ...(onAbandoned === undefined ? {} : { onAbandoned }),
    keyHeader: headerName('keyHeader', given.keyHeader ?? 'idempotency-key'),
    replayedHeader: headerName('replayedHeader', given.replayedHeader ?? 'idempotency-replayed'),
    replayHeaders: listOf('replayHeaders', given.replayHeaders ?? []).map(replayable),
    compression: listOf('compression', given.compression ?? ['gzip', 'br']),
    ...(key === undefined ? {} : { key }),
    ...(outcome === undefined ? {} : { outcome }),
  }
}

function listOf(option: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw invalidOption(option, 'must be a list of strings', value)
}

function replayable(given: unknown): string {
  const name = headerName('replayHeaders', given)
  if (!NEVER_REPLAYED.test(name)) return name
  throw invalidOption('replayHeaders', 'must not name what belongs to one client or to the protocol', name)
}
