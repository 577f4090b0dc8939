import { checkScope, type KeyInput } from '../core/key.ts'
import type { Effect } from '../core/once.ts'
import {
  CALL_DEFAULTS,
  type CallOptions,
  DEFAULTS,
  invalidOption,
  type ResolvedCallOptions,
  type ResolvedOptions,
  refuseUnknown,
  resolveCallOptions,
  type ThrowPolicy,
} from '../core/options.ts'
import type { Publisher } from '../core/publisher.ts'
import type { Runtime } from '../core/runtime.ts'
import type { OutboxMessage } from '../core/store.ts'
import { checkMaxBodyBytes, MAX_BODY_BYTES } from './message.ts'
import { NotPublished } from './not-published.ts'

/** The part of an engine that is used. */
export interface PublishingEngine {
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  readonly options: ResolvedOptions
}

export interface PublishOnceOptions extends Pick<CallOptions, 'leaseMs' | 'maxRunMs' | 'retentionMs'>, Waiting {
  /** Sends the message: of any broker, the same as for a relay. */
  readonly publish: Publisher
  /** Keeps a record of what was sent. Required unless `alreadyPublished` is given. */
  readonly once?: PublishingEngine
  /**
   * Asks the broker itself whether it has the message of this key. Asked before each send; `true` means "do not send".
   * Required unless `once` is given.
   */
  readonly alreadyPublished?: (key: string, message: OutboxMessage) => Promise<boolean> | boolean
  /** Default: the engine's. Required without one. Its keys never meet those of other calls of the engine. */
  readonly scope?: string
  /** Default 15 000. How long to wait for the broker, each time it is asked. */
  readonly publishTimeoutMs?: number
  /** Default 1 MiB. Larger bodies are refused. */
  readonly maxBodyBytes?: number
  /** Default: that of the engine, or `systemRuntime`. */
  readonly runtime?: Runtime
}

/** What the engine does about others, for these calls only; default: as for all of its calls. */
type Waiting = Pick<CallOptions, 'onAbandoned' | 'onInFlight' | 'waitMs'>

const CALL = ['leaseMs', 'maxRunMs', 'retentionMs', 'onAbandoned', 'onInFlight', 'waitMs'] as const
const KNOWN: readonly string[] = [
  ...['publish', 'once', 'alreadyPublished', 'scope', 'publishTimeoutMs', 'maxBodyBytes', 'runtime'],
  ...CALL,
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolvePublishOnce(given: PublishOnceOptions) {
  refuseUnknown(given, KNOWN)
  const { publish, once, alreadyPublished, publishTimeoutMs = 15_000, maxBodyBytes = MAX_BODY_BYTES } = given
  if (typeof publish !== 'function') throw invalidOption('publish', 'is required: a function', publish)
  if (once !== undefined && (typeof once !== 'function' || typeof once.options?.scope !== 'string'))
    throw invalidOption('once', 'must be what onlyonce() answered', once)
  if (alreadyPublished !== undefined && typeof alreadyPublished !== 'function')
    throw invalidOption('alreadyPublished', 'must be a function', alreadyPublished)
  if (once === undefined && alreadyPublished === undefined)
    throw invalidOption('once', 'is required, or `alreadyPublished`: one of them has to know what was sent', once)
  if (!Number.isSafeInteger(publishTimeoutMs) || publishTimeoutMs <= 0)
    throw invalidOption('publishTimeoutMs', 'must be a positive integer (milliseconds)', publishTimeoutMs)
  checkMaxBodyBytes(maxBodyBytes)
  const { scope: base = once?.options.scope } = given
  checkScope(base)
  const scope = `${base}/publish`
  checkScope(scope)
  const { runtime = once?.options.runtime ?? DEFAULTS.runtime } = given
  const { maxKeyLength } = once?.options ?? DEFAULTS
  const call = callOf(given)
  return { publish, once, alreadyPublished, scope, publishTimeoutMs, maxBodyBytes, runtime, maxKeyLength, call }
}

/** What each call to the engine is given. Whatever became of sending, nobody else may decide what it means. */
function callOf(given: PublishOnceOptions): ResolvedCallOptions {
  const own = Object.fromEntries(CALL.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])))
  const [first] = Object.keys(own)
  if (given.once === undefined && first !== undefined)
    throw invalidOption(first, 'needs `once`: without it there is no record', own[first])
  const resolved = resolveCallOptions(given.once?.options ?? CALL_DEFAULTS, own)
  const onThrow: ThrowPolicy = (error) => {
    if (!NotPublished.is(error)) return 'release'
    if (error.code === 'REFUSED_FOR_GOOD') return 'remember'
    // Sent again it may be there twice: only a policy that says so anyway lets the next caller go on at once.
    return error.code === 'UNKNOWN' && resolved.onAbandoned !== 'retry' ? 'abandon' : 'release'
  }
  // The engine's own choices for these are about its effects: what was sent before is no error, and a copy is not sent blindly.
  return Object.freeze({ ...resolved, onDuplicate: 'replay', onStoreDown: 'fail', onThrow })
}
