import { checkScope } from '../../core/key.ts'
import type { Once, Operation } from '../../core/once.ts'
import { aFunction, checkEach, invalidOption, oneOf, positiveOver, refuseUnknown } from '../../core/option-rules.ts'
import { type CallOptions, type EndingOptions, type LeaseOptions, resolveCallOptions } from '../../core/options.ts'
import type { CompleterEvent } from './events.ts'

/** The part of an engine that is used, whatever its store. */
export type CompleterEngine = Pick<Once, 'attempt' | 'store' | 'options'>

/** What is known of an abandoned operation. Its business input is not stored: load it by the key. */
export interface AbandonedRecord {
  readonly scope: string
  readonly key: string
  /** Empty without a payload. If in doubt, compare it with `fingerprintOf` the input that was loaded. */
  readonly fingerprint: string
  /** By the store's clock, like `abandonedAt`. */
  readonly createdAt: Date
  /** When the last lease ran out. */
  readonly abandonedAt: Date
}

/** Completes the operation. Every duplicate gets what it returns, so return what the first effect would have. */
export type CompleterHandler = (op: Operation, abandoned: AbandonedRecord) => unknown
/** A handler for each scope, by its whole name: `'payments'`. At least one. */
export type CompleterHandlers = Readonly<Record<string, CompleterHandler>>

/** Options of `completer`; OPTION_INVALID when it is made names what is wrong. */
export interface CompleterOptions {
  /**
   * The engine whose abandoned operations are carried on. With `keys: 'hashed'` it is refused: nobody could load the
   * input.
   */
  readonly once: CompleterEngine
  /** By scope. Operations of other scopes are left alone. */
  readonly handlers: CompleterHandlers
  /** Default 4. Operations carried on at once. */
  readonly concurrency?: number
  /** Default 100. Records of each scope per round; the next round continues after them. */
  readonly maxPerRound?: number
  /** Default 10 000. The pause between two rounds: 50 to 100 % of it, at random. */
  readonly everyMs?: number
  /** Default 5 000. How long after its lease a failed operation is left alone; doubles with each further start. */
  readonly backoffMs?: number
  /** Default 300 000, or `backoffMs` if that is longer. The longest time that a failed operation is left alone. */
  readonly maxBackoffMs?: number
  /** Default 10. An operation is given up after so many starts, including those by callers. */
  readonly maxStarts?: number
  /** Default `'hold'`: what is given up waits for an operator, for ever. `'leave'`: it stays until retention ends. */
  readonly onGivenUp?: 'hold' | 'leave'
  /**
   * Default: the engine's. Changes its options for the operations that are carried on: `leaseMs`, `maxRunMs`,
   * `retentionMs`, `onAbandoned`, `onThrow`.
   */
  readonly call?: LeaseOptions & EndingOptions
  /**
   * Default: nobody. Told what became of each operation. Its errors are reported to the engine's `onListenerError` and
   * have no other effect.
   */
  readonly onEvent?: (event: CompleterEvent) => void
}

export type ResolvedCompleter = Required<Omit<CompleterOptions, 'call'>> & { readonly call: CallOptions }

const DEFAULTS = Object.freeze({
  concurrency: 4,
  maxPerRound: 100,
  everyMs: 10_000,
  backoffMs: 5_000,
  maxBackoffMs: 300_000,
  maxStarts: 10,
})
const KNOWN: readonly string[] = ['once', 'handlers', ...Object.keys(DEFAULTS), 'onGivenUp', 'call', 'onEvent']
const IN_CALL: readonly string[] = ['leaseMs', 'maxRunMs', 'retentionMs', 'onAbandoned', 'onThrow']

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveCompleter(options: CompleterOptions): ResolvedCompleter {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as CompleterOptions
  const { once, handlers, onGivenUp = 'hold', call = {}, onEvent = () => {} } = given
  if (typeof once?.attempt !== 'function' || once.options === undefined)
    throw invalidOption('once', 'is required: what onlyonce() answered', once)
  if (once.options.keys === 'hashed') {
    throw invalidOption('once', "must have keys: 'plain': what has no readable key cannot be carried on", 'hashed')
  }
  checkHandlers(handlers)
  checkEach(oneOf('hold', 'leave'), { onGivenUp })
  checkEach(aFunction, { onEvent })
  const numbers = positiveOver(DEFAULTS, given)
  const { maxBackoffMs = Math.max(DEFAULTS.maxBackoffMs, numbers.backoffMs) } = given
  const resolved = { ...numbers, maxBackoffMs }
  if (resolved.maxBackoffMs < resolved.backoffMs)
    throw invalidOption('maxBackoffMs', `must not be shorter than backoffMs (${resolved.backoffMs})`, maxBackoffMs)
  return Object.freeze({
    ...resolved,
    once,
    handlers: { ...handlers },
    onGivenUp,
    onEvent,
    call: checkedCall(once, call),
  })
}

function checkHandlers(handlers: unknown): void {
  const entries = Object.entries(Object(handlers) as object)
  if (entries.length === 0) throw invalidOption('handlers', 'is required: { [scope]: (op, abandoned) => … }', handlers)
  for (const [scope, handler] of entries) {
    checkScope(scope)
    if (typeof handler !== 'function') throw invalidOption(`handlers.${scope}`, 'must be a function', handler)
  }
}

/** Fixes the options for waiting and running unprotected, which make no sense without a caller. */
function checkedCall(once: CompleterEngine, call: CallOptions): CallOptions {
  for (const [name, value] of Object.entries(Object(call))) {
    if (!IN_CALL.includes(name)) throw invalidOption(`call.${name}`, `must be one of ${IN_CALL.join(', ')}`, value)
  }
  const whole: CallOptions = { ...call, onStoreDown: 'fail', onInFlight: 'reject', onDuplicate: 'replay' }
  resolveCallOptions(once.options, whole)
  return whole
}
