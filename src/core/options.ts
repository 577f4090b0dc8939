import { OnlyonceError } from './errors.ts'
import { checkScope, quote } from './key.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import type { Store } from './store.ts'

/** What became of an abandoned operation, as the outside world tells it. */
export type Reconciled = { readonly happened: true; readonly value?: unknown } | { readonly happened: false }

/** What a policy is told about the operation it decides on. */
export interface AbandonedOperation {
  readonly scope: string
  readonly key: string
  readonly attempt: number
  readonly fence: number
  /** The stable key of a downstream call, as `op.child` derived it in the attempt before. */
  child(name: string): string
}

export type AbandonedPolicy = 'retry' | 'hold' | ((op: AbandonedOperation) => Promise<Reconciled> | Reconciled)
/** `'abandon'`: nobody knows whether it happened. The claim stays until its lease is over; then `onAbandoned` decides. */
export type ThrowVerdict = 'release' | 'remember' | 'abandon'
export type ThrowPolicy = 'release' | 'remember' | ((error: unknown) => ThrowVerdict)

/** The choices of one call; the engine's are the defaults. */
export interface CallOptions {
  /**
   * Default 30 000. How long the operation of a process that died stays claimed: its duplicates get `IN_FLIGHT` until then. It is
   * renewed every third of that while the effect runs, so an effect may take longer.
   */
  readonly leaseMs?: number
  /** Default 900 000. The longest one attempt may keep renewing its lease; then `op.signal` aborts, and another caller may run. */
  readonly maxRunMs?: number
  /** Default 86 400 000, a day. How long a result answers duplicates. */
  readonly retentionMs?: number
  /** Default `'replay'`: a duplicate of a done operation gets its result. `'reject'`: it gets `DUPLICATE`. */
  readonly onDuplicate?: 'replay' | 'reject'
  /** Default `'reject'`: a duplicate of a running operation gets `IN_FLIGHT`. `'wait'`: it waits up to `waitMs`. */
  readonly onInFlight?: 'reject' | 'wait'
  /** Default 10 000. How long a duplicate waits under `onInFlight: 'wait'`; then it gets `IN_FLIGHT`. */
  readonly waitMs?: number
  /** Default `'retry'`. What to do when an earlier owner disappeared without settling. */
  readonly onAbandoned?: AbandonedPolicy
  /** Default `'release'`: a retry runs again. `'remember'`: the error is the result. */
  readonly onThrow?: ThrowPolicy
  /** Default `'fail'` with `STORE_UNAVAILABLE`. `'run'`: run unprotected and emit `unprotected`. */
  readonly onStoreDown?: 'fail' | 'run'
}

/** Results that this process keeps beside the store. */
export interface CacheOptions {
  /** The most memory for them, roughly. The oldest go first. */
  readonly maxBytes: number
  /** How long one may answer. After `forget` in another process, or the end of retention, it may do so for this long. */
  readonly maxAgeMs: number
}

export interface EngineOptions<S extends Store = Store> extends CallOptions {
  /** Where records are kept: `memoryStore()`, `sqliteStore({ path })`, `postgresStore({ pool })`, … It stays yours to close. */
  readonly store: S
  /** What keys are unique within. Required: two tenants never share by accident. */
  readonly scope: string
  /** Default 5 000. Every store call ends by then. */
  readonly storeTimeoutMs?: number
  /** Default `'plain'`. `'hashed'` leaves the readable scope and key out of the store. */
  readonly keys?: 'plain' | 'hashed'
  /** Default 255 characters. Longer keys are refused, never cut. */
  readonly maxKeyLength?: number
  /** Default 60 000. How often, at most, expired records are removed in the background while there are claims. */
  readonly sweepEveryMs?: number
  /** Default 500. The most requests in one store call. */
  readonly maxBatch?: number
  /** Default `false`. Results of done operations to keep in this process: a duplicate of one needs no store. */
  readonly cache?: false | CacheOptions
  /** Told when a listener throws. Default: nobody. */
  readonly onListenerError?: (error: unknown) => void
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export type ResolvedCallOptions = Required<CallOptions>
export type ResolvedOptions = Required<Omit<EngineOptions, 'store'>>

type Rule = (value: unknown) => string | undefined

const positive: Rule = (value) =>
  Number.isSafeInteger(value) && (value as number) > 0
    ? undefined
    : 'must be a positive integer (milliseconds or a count)'
const oneOf =
  (...words: string[]): Rule =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.map((word) => `'${word}'`).join(', ')}`
const oneOfOrFunction =
  (...words: string[]): Rule =>
  (value) =>
    typeof value === 'function' || words.includes(value as string)
      ? undefined
      : `must be a function or one of ${words.map((word) => `'${word}'`).join(', ')}`
const fn: Rule = (value) => (typeof value === 'function' ? undefined : 'must be a function')

/** Longer times cannot be told apart from a wrong unit, and microsecond fences must stay exact. */
const LONGEST_MS = 100 * 365 * 24 * 3600 * 1000

export const CALL_DEFAULTS: ResolvedCallOptions = Object.freeze({
  leaseMs: 30_000,
  maxRunMs: 900_000,
  retentionMs: 86_400_000,
  onDuplicate: 'replay',
  onInFlight: 'reject',
  waitMs: 10_000,
  onAbandoned: 'retry',
  onThrow: 'release',
  onStoreDown: 'fail',
})

export const DEFAULTS: Omit<ResolvedOptions, 'scope'> = Object.freeze({
  ...CALL_DEFAULTS,
  storeTimeoutMs: 5_000,
  sweepEveryMs: 60_000,
  keys: 'plain',
  maxKeyLength: 255,
  maxBatch: 500,
  cache: false,
  onListenerError: () => {},
  runtime: systemRuntime,
})

const CALL_RULES: Record<keyof CallOptions, Rule> = {
  leaseMs: positive,
  maxRunMs: positive,
  retentionMs: positive,
  onDuplicate: oneOf('replay', 'reject'),
  onInFlight: oneOf('reject', 'wait'),
  waitMs: positive,
  onAbandoned: oneOfOrFunction('retry', 'hold'),
  onThrow: oneOfOrFunction('release', 'remember'),
  onStoreDown: oneOf('fail', 'run'),
}

const RULES: Record<keyof typeof DEFAULTS, Rule> = {
  ...CALL_RULES,
  storeTimeoutMs: positive,
  sweepEveryMs: positive,
  keys: oneOf('plain', 'hashed'),
  maxKeyLength: positive,
  maxBatch: positive,
  cache: (value) => {
    if (value === false) return undefined
    const { maxBytes, maxAgeMs, ...more } = Object(value) as Partial<CacheOptions>
    const right = [maxBytes, maxAgeMs].every((one) => positive(one) === undefined) && Object.keys(more).length === 0
    return right ? undefined : 'must be false or { maxBytes, maxAgeMs }, both positive integers'
  },
  onListenerError: fn,
  runtime: (value) =>
    ['now', 'elapsed', 'token', 'random', 'after'].every((name) => typeof Object(value)[name] === 'function')
      ? undefined
      : 'must be a Runtime: now, elapsed, token, random, after',
}

/**
 * Partial in, complete and frozen out.
 * @throws OnlyonceError OPTION_INVALID naming option, rule and value
 */
export function resolveOptions(given: EngineOptions): ResolvedOptions {
  const { store, scope, ...rest } = Object(given) as EngineOptions
  checkStore(store)
  checkScope(scope)
  const resolved = { scope, ...merged(DEFAULTS, rest, RULES) }
  checkTogether(resolved)
  return Object.freeze(resolved)
}

/** What a frozen set of choices came to: whoever makes the same call again and again pays for the check once. */
const resolvedBefore = new WeakMap<CallOptions, { engine: ResolvedCallOptions; resolved: ResolvedCallOptions }>()

/** The engine's options with what one call changes. @throws OnlyonceError OPTION_INVALID */
export function resolveCallOptions(engine: ResolvedCallOptions, asked: CallOptions | undefined): ResolvedCallOptions {
  if (asked === undefined) return engine
  const given: CallOptions = asked ?? {}
  const before = resolvedBefore.get(given)
  if (before?.engine === engine) return before.resolved
  const { leaseMs, maxRunMs, retentionMs, onDuplicate, onInFlight, waitMs, onAbandoned, onThrow, onStoreDown } = engine
  const base = { leaseMs, maxRunMs, retentionMs, onDuplicate, onInFlight, waitMs, onAbandoned, onThrow, onStoreDown }
  const resolved = merged<ResolvedCallOptions>(base, given, CALL_RULES)
  checkTogether(resolved)
  if (Object.isFrozen(given)) resolvedBefore.set(given, { engine, resolved })
  return resolved
}

/** @throws OnlyonceError OPTION_INVALID */
export function invalidOption(name: string, rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `option \`${name}\` ${rule}; got ${quote(value)}`)
}

/**
 * `within` is put in front of a name, for options inside of options.
 * @throws OnlyonceError OPTION_INVALID for the first option that is not one of `known`
 */
export function refuseUnknown(given: unknown, known: readonly string[], within = ''): void {
  if (isText(given)) throw noOptions(given, known)
  for (const name of Object.keys(Object(given))) {
    if (!known.includes(name)) throw unknownOption(`${within}${name}`, known)
  }
}

/** The value is not printed: a name that is misspelt may be that of a password. */
export function unknownOption(name: string, known: readonly string[]): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `option \`${name}\` is not an option; there are ${known.join(', ')}`)
}

/** A path or a URL in place of options would be taken for a list of letters. */
function isText(given: unknown): boolean {
  return given !== undefined && given !== null && typeof given !== 'object' && typeof given !== 'function'
}

/** It is not printed either. */
function noOptions(given: unknown, known: readonly string[]): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `options must be an object with ${known.join(', ')}; got a ${typeof given}`,
  )
}

function merged<T extends object>(defaults: T, given: object, rules: Record<string, Rule>): T {
  if (isText(given)) throw noOptions(given, Object.keys(rules))
  const result = { ...defaults } as Record<string, unknown>
  for (const name of Object.keys(given)) {
    const value = given[name as keyof typeof given] as unknown
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) throw unknownOption(name, Object.keys(rules))
    if (value === undefined) continue
    const broken = rule(value)
    if (broken !== undefined) throw invalidOption(name, broken, value)
    result[name] = value
  }
  return result as T
}

function checkTogether(options: ResolvedCallOptions): void {
  for (const name of ['leaseMs', 'maxRunMs', 'retentionMs', 'waitMs'] as const) {
    if (options[name] > LONGEST_MS) throw invalidOption(name, 'must not be longer than 100 years', options[name])
  }
  if (options.leaseMs < 3)
    throw invalidOption('leaseMs', 'must be at least 3, since it is renewed every third of it', options.leaseMs)
  if (options.retentionMs < options.leaseMs) {
    throw invalidOption('retentionMs', `must not be shorter than leaseMs (${options.leaseMs})`, options.retentionMs)
  }
  if (options.maxRunMs < options.leaseMs) {
    throw invalidOption('maxRunMs', `must not be shorter than leaseMs (${options.leaseMs})`, options.maxRunMs)
  }
}

function checkStore(store: unknown): void {
  if (typeof Object(store).claim === 'function' && typeof Object(store).traits?.transactional === 'boolean') return
  throw invalidOption('store', 'is required: a store such as memoryStore() or sqliteStore({ path })', store)
}
