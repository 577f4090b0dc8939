import { checkScope } from '../../core/key.ts'
import type { Once, Operation } from '../../core/once.ts'
import { type CallOptions, invalidOption, refuseUnknown, resolveCallOptions } from '../../core/options.ts'
import type { CompleterEvent } from './events.ts'

/** The part of `onlyonce(…)` that is used, whatever its store. */
export type CompleterEngine = Pick<Once, 'attempt' | 'store' | 'options'>

/** What is known of an operation that its owner left behind. The business input is not: load it by the key. */
export interface AbandonedRecord {
  readonly scope: string
  readonly key: string
  /** Empty when the operation is bound to no payload. Compare it with `fingerprintOf` what you load, if in doubt. */
  readonly fingerprint: string
  /** By the store's clock, like `abandonedAt`. */
  readonly createdAt: Date
  /** When the last lease ran out. */
  readonly abandonedAt: Date
}

/** Ends the operation. What it returns is the result that every duplicate gets: return what the first effect would. */
export type CompleterHandler = (op: Operation, abandoned: AbandonedRecord) => unknown
export type CompleterHandlers = Readonly<Record<string, CompleterHandler>>

export interface CompleterOptions {
  readonly once: CompleterEngine
  /** By scope. Operations of other scopes are left alone. */
  readonly handlers: CompleterHandlers
  /** Default 4. How many operations are carried on at once. */
  readonly concurrency?: number
  /** Default 100. How many records of each scope are looked at in one round; the next round goes on behind them. */
  readonly maxPerRound?: number
  /** Default 10 000. The pause between two rounds, of which 50 to 100 % are taken at random. */
  readonly everyMs?: number
  /** Default 5 000. How long after its lease an operation is left alone that failed here once; doubles each time. */
  readonly backoffMs?: number
  /** Default 300 000. */
  readonly maxBackoffMs?: number
  /** Default 10. An operation that was started so often, the starts by callers included, is given up. */
  readonly maxStarts?: number
  /** Default `'hold'`: what is given up waits for a person, for ever. `'leave'`: it stays as it is until retention ends. */
  readonly onGivenUp?: 'hold' | 'leave'
  /** Changes the engine's options for the operations that are carried on: `leaseMs`, `onAbandoned`, `onThrow`, …. */
  readonly call?: Omit<CallOptions, 'onStoreDown' | 'onInFlight' | 'onDuplicate' | 'waitMs'>
  /** A listener that throws changes nothing, and is reported to the engine's `onListenerError`. */
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
type Numbers = typeof DEFAULTS
const NUMBERS = Object.keys(DEFAULTS) as (keyof Numbers)[]
const KNOWN: readonly string[] = ['once', 'handlers', ...NUMBERS, 'onGivenUp', 'call', 'onEvent']
const IN_CALL: readonly string[] = ['leaseMs', 'maxRunMs', 'retentionMs', 'onAbandoned', 'onThrow']

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveCompleter(given: CompleterOptions): ResolvedCompleter {
  refuseUnknown(given, KNOWN)
  const { once, handlers, onGivenUp = 'hold', call = {}, onEvent = () => {} } = given
  if (typeof once?.attempt !== 'function') throw invalidOption('once', 'is required: what onlyonce() answered', once)
  if (once.options.keys === 'hashed') {
    throw invalidOption('once', "must have keys: 'plain': what has no readable key cannot be carried on", 'hashed')
  }
  checkHandlers(handlers)
  if (onGivenUp !== 'hold' && onGivenUp !== 'leave')
    throw invalidOption('onGivenUp', "must be one of 'hold', 'leave'", onGivenUp)
  if (typeof onEvent !== 'function') throw invalidOption('onEvent', 'must be a function', onEvent)
  const numbers = numbersOf(given)
  const { backoffMs, maxBackoffMs = Math.max(DEFAULTS.maxBackoffMs, backoffMs ?? 0) } = given
  const resolved = { ...DEFAULTS, ...numbers, maxBackoffMs }
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

function numbersOf(given: CompleterOptions): Partial<Numbers> {
  const numbers: Partial<Record<keyof Numbers, number>> = {}
  for (const name of NUMBERS) {
    const value = given[name]
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalidOption(name, 'must be a positive integer (milliseconds or a count)', value)
    numbers[name] = value
  }
  return numbers as Partial<Numbers>
}

function checkHandlers(handlers: unknown): void {
  const entries = Object.entries(Object(handlers) as object)
  if (entries.length === 0) throw invalidOption('handlers', 'is required: { [scope]: (op, abandoned) => … }', handlers)
  for (const [scope, handler] of entries) {
    checkScope(scope)
    if (typeof handler !== 'function') throw invalidOption(`handlers.${scope}`, 'must be a function', handler)
  }
}

/** Waiting and running unprotected make no sense where nobody asked. */
function checkedCall(once: CompleterEngine, call: CallOptions): CallOptions {
  for (const [name, value] of Object.entries(Object(call))) {
    if (!IN_CALL.includes(name)) throw invalidOption(`call.${name}`, `must be one of ${IN_CALL.join(', ')}`, value)
  }
  const whole: CallOptions = { ...call, onStoreDown: 'fail', onInFlight: 'reject', onDuplicate: 'replay' }
  resolveCallOptions(once.options, whole)
  return whole
}
