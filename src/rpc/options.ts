import type { AbandonedOperation, CallOptions } from '../core/options.ts'
import { invalidOption, refuseUnknown } from '../core/options.ts'
import type { RpcError } from './library.ts'
import type { RpcCall } from './shapes.ts'

type Answer<T> = T | Promise<T>

/** What the outside world knows about an abandoned call; `message` is the answer that its duplicates get. */
export type ReconciledCall = { readonly happened: true; readonly message: unknown } | { readonly happened: false }

export interface RpcIdempotencyOptions extends Omit<CallOptions, 'onThrow' | 'onAbandoned'> {
  /** Whose key it is: the principal or tenant that was authenticated. `'public'` says that all callers share one space. */
  readonly scope: 'public' | ((call: RpcCall) => Answer<string>)
  /** A key of the business in place of the metadata. `undefined`: the call has none. */
  readonly key?: (call: RpcCall) => Answer<string | undefined>
  /** Default `'idempotency-key'`. */
  readonly keyHeader?: string
  /** Default `false`: a call without a key passes unprotected. `true`, or for which: it is refused with INVALID_ARGUMENT. */
  readonly required?: boolean | ((call: RpcCall) => boolean)
  /** Which methods are guarded. Default: those whose `idempotency_level` is unknown. */
  readonly methods?: (call: RpcCall) => boolean
  /** Default `'refuse'`: a stream that would be guarded is refused with INTERNAL. `'pass'`: it runs unprotected. */
  readonly streams?: 'refuse' | 'pass'
  /** Default 262 144. The longest answer that is kept; duplicates of a longer one get ALREADY_EXISTS. */
  readonly maxBodyBytes?: number
  /** What of an error is final; `undefined` leaves it to the default, by its code. */
  readonly outcome?: (error: RpcError, call: RpcCall) => 'final' | 'release' | undefined
  /** Default: none. Headers and trailers of the handler's that a replay has too. */
  readonly replayHeaders?: readonly string[]
  /** Default `'idempotency-replayed'`, with the value `true`. */
  readonly replayedHeader?: string
  /** Default `['gzip', 'br']`, as the Node server of Connect has it: the names of the server's own `acceptCompression`. */
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

/** Headers of one client, one connection, or of the protocol itself. */
const NEVER_REPLAYED =
  /^(?:set-cookie|date|connection|keep-alive|content-(?:type|length|encoding)|te|trailer|transfer-encoding|upgrade|grpc-.*|connect-.*)$/
const HEADER = /^[!#$%&'*+.^_`|~\w-]+$/
const OWN: readonly string[] = [
  ...['scope', 'key', 'keyHeader', 'required', 'methods', 'streams', 'maxBodyBytes', 'outcome'],
  ...['replayHeaders', 'replayedHeader', 'compression', 'onAbandoned'],
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value; the engine checks what it is handed on */
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
  if (typeof required !== 'boolean' && typeof required !== 'function')
    throw invalidOption('required', 'must be a function, true or false', required)
  if (streams !== 'refuse' && streams !== 'pass') throw invalidOption('streams', "must be 'refuse' or 'pass'", streams)
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes <= 0)
    throw invalidOption('maxBodyBytes', 'must be a positive integer', maxBodyBytes)
  if (
    onAbandoned !== undefined &&
    onAbandoned !== 'retry' &&
    onAbandoned !== 'hold' &&
    typeof onAbandoned !== 'function'
  )
    throw invalidOption('onAbandoned', "must be a function or one of 'retry', 'hold'", onAbandoned)
  for (const name of ['key', 'methods', 'outcome'] as const) {
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw invalidOption(name, 'must be a function', given[name])
  }
  const { key, outcome, methods = ({ idempotencyLevel }) => idempotencyLevel === 0 } = given
  return {
    ...{ scope, required, methods, streams, maxBodyBytes, call },
    ...(onAbandoned === undefined ? {} : { onAbandoned }),
    keyHeader: headerName('keyHeader', given.keyHeader ?? 'idempotency-key'),
    replayedHeader: headerName('replayedHeader', given.replayedHeader ?? 'idempotency-replayed'),
    replayHeaders: (given.replayHeaders ?? []).map(replayable),
    compression: given.compression ?? ['gzip', 'br'],
    ...(key === undefined ? {} : { key }),
    ...(outcome === undefined ? {} : { outcome }),
  }
}

function headerName(option: string, name: unknown): string {
  if (typeof name === 'string' && HEADER.test(name)) return name.toLowerCase()
  throw invalidOption(option, 'must be the name of a header', name)
}

function replayable(given: unknown): string {
  const name = headerName('replayHeaders', given)
  if (!NEVER_REPLAYED.test(name)) return name
  throw invalidOption('replayHeaders', 'must not name what belongs to one client or to the protocol', name)
}
