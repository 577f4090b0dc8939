import { checkScope, quote } from './key.ts'
import {
  aFunction,
  aRuntime,
  functionOr,
  invalidOption,
  noOptions,
  notAnObject,
  oneOf,
  positive,
  type Rule,
  unknownOption,
} from './option-rules.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import type { Store } from './store.ts'

/** Whether the effect of an abandoned operation happened, as found by an `onAbandoned` function. */
export type Reconciled = { readonly happened: true; readonly value?: unknown } | { readonly happened: false }

/** What an `onAbandoned` function gets of the operation it decides on. */
export interface AbandonedOperation {
  readonly scope: string
  readonly key: string
  readonly attempt: number
  readonly fence: number
  /** Returns the key of a downstream call, as `op.child` did in earlier attempts. */
  child(name: string): string
}

/**
 * What a claim does about an earlier owner whose lease ran out without a result: `'retry'` runs the effect again;
 * `'hold'` parks the operation as `unknown`, for an operator to decide; a function finds out whether it happened, and
 * where it throws, nothing runs (`OUTCOME_UNKNOWN`).
 */
export type AbandonedPolicy = 'retry' | 'hold' | ((op: AbandonedOperation) => Promise<Reconciled> | Reconciled)
/** `'abandon'`: the effect may have happened. The claim stays until its lease is over; then `onAbandoned` decides. */
export type ThrowVerdict = 'release' | 'remember' | 'abandon'
/**
 * What becomes of an operation whose effect threw: `'release'`, and a retry runs it again; `'remember'`, and duplicates
 * get the error; or a function of the error. A function that throws counts as `'release'`.
 */
export type ThrowPolicy = 'release' | 'remember' | ((error: unknown) => ThrowVerdict)

// Not parts picked from `CallOptions`: of a member of `Pick<…>` or `Omit<…>` an editor may show nothing.

/** How long an operation is held, and remembered. */
export interface LeaseOptions {
  /**
   * Default 30 000, for one call the engine's. How long an operation stays claimed after its process died: duplicates get
   * `IN_FLIGHT` until then. The lease is renewed every third of it while the effect runs, so an effect may take longer.
   */
  readonly leaseMs?: number
  /**
   * Default 900 000, for one call the engine's. The longest one attempt may keep renewing its lease; then `op.signal`
   * aborts, and another caller may run.
   */
  readonly maxRunMs?: number
  /** Default 86 400 000, a day, for one call the engine's. How long a result answers duplicates. */
  readonly retentionMs?: number
}

/** What a duplicate of a running operation gets. */
export interface WaitingOptions {
  /**
   * Default `'reject'`, for one call the engine's: a duplicate of a running operation gets `IN_FLIGHT`. `'wait'`: it
   * waits up to `waitMs`.
   */
  readonly onInFlight?: 'reject' | 'wait'
  /**
   * Default 10 000, for one call the engine's. How long a duplicate waits under `onInFlight: 'wait'`; then it gets
   * `IN_FLIGHT`.
   */
  readonly waitMs?: number
}

/** The options of a call that functions, HTTP and RPC have in common. */
export interface SharedCallOptions extends LeaseOptions, WaitingOptions {
  /**
   * Default `'replay'`, for one call the engine's: a duplicate of a done operation gets its result. `'reject'`: it gets
   * `DUPLICATE`. An error that is the result is thrown under both.
   */
  readonly onDuplicate?: 'replay' | 'reject'
  /**
   * Default `'fail'` with `STORE_UNAVAILABLE`, for one call the engine's. `'run'`: run unprotected and emit
   * `unprotected`.
   */
  readonly onStoreDown?: 'fail' | 'run'
}

/** What becomes of an operation whose effect did not end well. */
export interface EndingOptions {
  /** Default `'retry'`, for one call the engine's. What to do when an earlier owner disappeared without settling. */
  readonly onAbandoned?: AbandonedPolicy
  /** Default `'release'`, for one call the engine's: a retry runs again. `'remember'`: the error is the result. */
  readonly onThrow?: ThrowPolicy
}

/** Options of one call. Those of the engine are the defaults. */
export interface CallOptions extends SharedCallOptions, EndingOptions {}

/** Limits of the cache of results in this process. */
export interface CacheOptions {
  /** Approximate maximum of memory. The oldest results are evicted first. */
  readonly maxBytes: number
  /** How long a cached result answers, also after `forget` in another process or the end of its retention. */
  readonly maxAgeMs: number
}

/**
 * Options of `onlyonce`. Checked when the engine is made: an unknown name, a wrong value or an impossible combination
 * is `OPTION_INVALID`. Numbers are positive integers.
 */
export interface EngineOptions<S extends Store = Store> extends CallOptions {
  /** Where records are kept: `memoryStore()`, `sqliteStore({ path })`, `postgresStore({ pool })`, … You close it. */
  readonly store: S
  /** What keys are unique within. Required: two tenants never share by accident. */
  readonly scope: string
  /** Default 5 000. Every store call ends by then. */
  readonly storeTimeoutMs?: number
  /** Default `'plain'`. `'hashed'` leaves the readable scope and key out of the store. */
  readonly keys?: 'plain' | 'hashed'
  /** Default 255 characters. Longer keys are refused, never cut. */
  readonly maxKeyLength?: number
  /** Default 60 000. Minimum time between background sweeps of expired records, which claims start. */
  readonly sweepEveryMs?: number
  /** Default 500. The most requests in one store call. */
  readonly maxBatch?: number
  /** Default `false`. Keeps results of done operations in this process, so that a duplicate needs no store call. */
  readonly cache?: false | CacheOptions
  /**
   * Default: does nothing. Called with what functions throw, or reject with, that must not decide over an operation:
   * listeners of `once.on`, `onEvent` of a consumer or completer, `onThrow`, `outcome` of HTTP and RPC, `redact` and
   * `onUnrecordable` of HTTP.
   */
  readonly onListenerError?: (error: unknown) => void
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export type ResolvedCallOptions = Required<CallOptions>
/** The options of an engine with defaults filled in, frozen; without its store. */
export type ResolvedOptions = Required<Omit<EngineOptions, 'store'>>

/** A longer time is most likely in a wrong unit, and fences in microseconds must stay exact integers. */
export const LONGEST_MS = 100 * 365 * 24 * 3600 * 1000

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
  onAbandoned: functionOr(oneOf('retry', 'hold')),
  onThrow: functionOr(oneOf('release', 'remember')),
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
    const must = 'must be false or { maxBytes, maxAgeMs }, both positive integers'
    if (typeof value !== 'object' || value === null) return must
    const { maxBytes, maxAgeMs, ...more } = value as Partial<CacheOptions>
    const wrong = Object.entries({ maxBytes, maxAgeMs }).find(([, one]) => positive(one) !== undefined)
    if (wrong !== undefined) return `${must}: \`${wrong[0]}\` is ${quote(wrong[1])}`
    const [unknown] = Object.keys(more)
    return unknown === undefined ? undefined : `${must}: \`${unknown}\` is none of them`
  },
  onListenerError: aFunction,
  runtime: aRuntime,
}

/**
 * Checks the options of an engine. Returns all of them, with defaults filled in, frozen.
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

/** Resolved options by the frozen object they were given in, so that repeated calls with it are checked once. */
const resolvedBefore = new WeakMap<CallOptions, { engine: ResolvedCallOptions; resolved: ResolvedCallOptions }>()

/** Returns the engine's options, overridden by those of one call. @throws OnlyonceError OPTION_INVALID */
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

function merged<T extends object>(defaults: T, given: object, rules: Record<string, Rule>): T {
  if (notAnObject(given)) throw noOptions(given, Object.keys(rules))
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

/** @throws OnlyonceError OPTION_INVALID */
export function checkStore(store: unknown): void {
  if (typeof Object(store).claim === 'function' && typeof Object(store).traits?.transactional === 'boolean') return
  const isPromise = typeof Object(store).then === 'function'
  const rule = isPromise
    ? 'must be awaited: `await openStore(url)`'
    : 'is required: a store such as memoryStore() or sqliteStore({ path })'
  throw invalidOption('store', rule, store)
}
