import { checkScope } from '../core/key.ts'
import type { Once, Operation } from '../core/once.ts'
import { type AbandonedPolicy, type CallOptions, invalidOption, resolveCallOptions } from '../core/options.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'

/** The part of an engine that every inbox uses. */
export type InboxEngine = Pick<Once, 'attempt' | 'exclusive' | 'find' | 'options' | 'store'>

export interface InboxRules {
  /** The consumer's name. Part of the scope: a second consumer of the same topic handles every message too. */
  readonly name: string
  /** Default: the message's id. Messages with the same key take effect once together. */
  readonly key?: (delivery: Delivery) => string
  /** Default: the bytes of the body. The same key with another fingerprint is dead-lettered, never dropped. */
  readonly fingerprint?: (delivery: Delivery) => string
  /** Default 10. How often the handler may start, crashes of the process included, before the message is parked. */
  readonly maxAttempts?: number
  /** Default 200. The first retry comes after up to so long, each further one after up to twice as long. */
  readonly backoffMs?: number
  /** Default 60 000. */
  readonly maxBackoffMs?: number
  /** Default `maxRunMs` + `leaseMs`: by then whoever runs it has settled or lost it. How long a duplicate is held. */
  readonly holdMs?: number
  /** Default `leaseMs`. What each `delivery.extend` asks for, every third of it; not longer than the broker gives at first. */
  readonly visibilityMs?: number
  readonly leaseMs?: number
  readonly maxRunMs?: number
  /** How long a handled message is remembered. Longer than the broker can go on delivering it. */
  readonly retentionMs?: number
  readonly onAbandoned?: AbandonedPolicy
}

export interface LeasedInboxOptions extends InboxRules {
  readonly once: InboxEngine
  /** Record and effect are two steps with a lease between: `onAbandoned` decides after a crash. */
  readonly mode: 'leased'
  readonly handle: (message: Message, op: Operation) => unknown
}

export interface AtomicInboxOptions<Tx> extends InboxRules {
  readonly once: Once<Tx>
  /** Record and the handler's own writes commit in one transaction. Transactional stores only. */
  readonly mode: [Tx] extends [never] ? never : 'atomic'
  readonly handle: (message: Message, tx: Tx, op: Operation) => unknown
}

export type InboxOptions<Tx> = LeasedInboxOptions | AtomicInboxOptions<Tx>

export interface ResolvedInbox {
  readonly scope: string
  readonly maxAttempts: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
  readonly visibilityMs: number
  /** What every call to the engine is given. A broker delivers again, so a store that is down never means "run anyway". */
  readonly call: Required<Pick<CallOptions, 'leaseMs' | 'maxRunMs' | 'retentionMs' | 'waitMs'>> & CallOptions
}

const MAX_NAME_LENGTH = 100
const NUMBERS = ['maxAttempts', 'backoffMs', 'maxBackoffMs', 'holdMs', 'visibilityMs'] as const
const CALL_NUMBERS = ['leaseMs', 'maxRunMs', 'retentionMs'] as const
const KNOWN: readonly string[] = [
  ...['once', 'name', 'mode', 'handle', 'key', 'fingerprint', 'onAbandoned'],
  ...NUMBERS,
  ...CALL_NUMBERS,
]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveInbox<Tx>(given: InboxOptions<Tx>): ResolvedInbox {
  for (const [name, value] of Object.entries(Object(given))) {
    if (!KNOWN.includes(name)) throw invalidOption(name, `is not an option; there are ${KNOWN.join(', ')}`, value)
  }
  const { once, name, mode, handle, key, fingerprint, maxAttempts = 10, backoffMs = 200, maxBackoffMs = 60_000 } = given
  checkEngine(once, mode)
  if (typeof handle !== 'function') throw invalidOption('handle', 'is required: a function', handle)
  for (const [option, value] of Object.entries({ key, fingerprint })) {
    if (value !== undefined && typeof value !== 'function') throw invalidOption(option, 'must be a function', value)
  }
  for (const option of NUMBERS) {
    const value = given[option]
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw invalidOption(option, 'must be a positive integer (milliseconds or a count)', value)
  }
  if (maxBackoffMs < backoffMs)
    throw invalidOption('maxBackoffMs', `must not be shorter than backoffMs (${backoffMs})`, maxBackoffMs)
  const { leaseMs, maxRunMs, retentionMs } = resolveCallOptions(once.options, {
    ...Object.fromEntries(CALL_NUMBERS.map((option) => [option, given[option]])),
    onAbandoned: given.onAbandoned,
  } as CallOptions)
  const { holdMs = maxRunMs + leaseMs, visibilityMs = leaseMs } = given
  return {
    scope: scopeOf(once.options.scope, name),
    maxAttempts,
    backoffMs,
    maxBackoffMs,
    visibilityMs,
    call: {
      leaseMs,
      maxRunMs,
      retentionMs,
      waitMs: holdMs,
      onDuplicate: 'replay',
      onStoreDown: 'fail',
      ...(given.onAbandoned === undefined ? {} : { onAbandoned: given.onAbandoned }),
    },
  }
}

function checkEngine(once: InboxEngine & { readonly atomic?: unknown }, mode: unknown): void {
  if (typeof once?.attempt !== 'function') throw invalidOption('once', 'is required: what onlyonce() answered', once)
  if (mode !== 'leased' && mode !== 'atomic') throw invalidOption('mode', "must be one of 'leased', 'atomic'", mode)
  if (mode === 'atomic' && once.atomic === undefined) {
    throw invalidOption('mode', `needs a transactional store, which the ${once.store.name} store is not`, mode)
  }
}

/** A name without slashes is found again from the right, so no two pairs of scope and name make the same scope. */
function scopeOf(engineScope: string, name: unknown): string {
  if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME_LENGTH || name.includes('/')) {
    throw invalidOption('name', `is required: 1 to ${MAX_NAME_LENGTH} characters without \`/\``, name)
  }
  const scope = `${engineScope}/inbox/${name}`
  checkScope(scope)
  return scope
}
