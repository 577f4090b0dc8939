import { checkScope, type KeyInput } from '../core/key.ts'
import type { Effect } from '../core/once.ts'
import { aFunction, aRuntime, checkEach, invalidOption, positive, refuseUnknown } from '../core/option-rules.ts'
import {
  type AbandonedPolicy,
  CALL_DEFAULTS,
  type CallOptions,
  DEFAULTS,
  type LeaseOptions,
  type ResolvedCallOptions,
  type ResolvedOptions,
  resolveCallOptions,
  type ThrowPolicy,
  type WaitingOptions,
} from '../core/options.ts'
import type { Publisher } from '../core/publisher.ts'
import type { Runtime } from '../core/runtime.ts'
import type { OutboxMessage } from '../core/store.ts'
import { MAX_BODY_BYTES } from './message.ts'
import { NotPublished } from './not-published.ts'

/** The part of an engine that is used. */
export interface PublishingEngine {
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  readonly options: ResolvedOptions
}

/** Options of `publishOnce`: `publish`, and `once`, `alreadyPublished` or both. What is not given is the engine's. */
export interface PublishOnceOptions extends LeaseOptions, WaitingOptions {
  /** Sends the message: the publisher of any broker, the same as for a relay. */
  readonly publish: Publisher
  /** Keeps a record of what was sent. Required unless `alreadyPublished` is given. */
  readonly once?: PublishingEngine
  /**
   * Asks the broker itself whether it has the message of this key. Asked before each send; `true` means "do not send".
   * Required unless `once` is given.
   */
  readonly alreadyPublished?: (key: string, message: OutboxMessage) => Promise<boolean> | boolean
  /** Default: the engine's; required without `once`. Its keys are kept apart from those of the engine's other calls. */
  readonly scope?: string
  /** Default: the engine's. What to do when an earlier sender disappeared without an end; needs `once`. */
  readonly onAbandoned?: AbandonedPolicy
  /** Default 15 000. How long to wait for the broker, each time it is asked. */
  readonly publishTimeoutMs?: number
  /** Default 1 MiB. Larger bodies are refused. */
  readonly maxBodyBytes?: number
  /** Default: that of the engine, or `systemRuntime`. */
  readonly runtime?: Runtime
}

const CALL = ['leaseMs', 'maxRunMs', 'retentionMs', 'onAbandoned', 'onInFlight', 'waitMs'] as const
const KNOWN: readonly string[] = [
  ...['publish', 'once', 'alreadyPublished', 'scope', 'publishTimeoutMs', 'maxBodyBytes', 'runtime'],
  ...CALL,
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolvePublishOnce(options: PublishOnceOptions) {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as PublishOnceOptions
  const { publish, once, alreadyPublished, publishTimeoutMs = 15_000, maxBodyBytes = MAX_BODY_BYTES } = given
  if (typeof publish !== 'function') throw invalidOption('publish', 'is required: a function', publish)
  if (once !== undefined && (typeof once !== 'function' || typeof once.options?.scope !== 'string'))
    throw invalidOption('once', 'must be what onlyonce() answered', once)
  checkEach(aFunction, { alreadyPublished })
  if (once === undefined && alreadyPublished === undefined)
    throw invalidOption('once', 'is required, or `alreadyPublished`: one of them has to know what was sent', once)
  checkEach(positive, { publishTimeoutMs, maxBodyBytes })
  const { scope: base = once?.options.scope } = given
  checkScope(base)
  const scope = `${base}/publish`
  checkScope(scope)
  const { runtime = once?.options.runtime ?? DEFAULTS.runtime } = given
  checkEach(aRuntime, { runtime })
  const { maxKeyLength } = once?.options ?? DEFAULTS
  const call = callOf(given)
  return { publish, once, alreadyPublished, scope, publishTimeoutMs, maxBodyBytes, runtime, maxKeyLength, call }
}

/** Returns the options of each engine call. What a failed send means is decided here, not by the engine's `onThrow`. */
function callOf(given: PublishOnceOptions): ResolvedCallOptions {
  const own = Object.fromEntries(CALL.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])))
  const [first] = Object.keys(own)
  if (given.once === undefined && first !== undefined)
    throw invalidOption(first, 'needs `once`: without it there is no record', own[first])
  const resolved = resolveCallOptions(given.once?.options ?? CALL_DEFAULTS, own)
  const onThrow: ThrowPolicy = (error) => {
    if (!NotPublished.is(error)) return 'release'
    if (error.code === 'REFUSED_FOR_GOOD') return 'remember'
    // Sending again may duplicate the message: only 'retry', which accepts that, lets the next caller send at once.
    return error.code === 'UNKNOWN' && resolved.onAbandoned !== 'retry' ? 'abandon' : 'release'
  }
  // Not as the engine is configured: here a duplicate is not an error, and nothing is sent without a record.
  return Object.freeze({ ...resolved, onDuplicate: 'replay', onStoreDown: 'fail', onThrow })
}
