import { checkScope } from '../core/key.ts'
import { aFunction, checkEach, checkEngine, invalidOption, positive, refuseUnknown } from '../core/option-rules.ts'
import { type CallOptions, LONGEST_MS, resolveCallOptions } from '../core/options.ts'
import type { BatchRules, InboxEngine, InboxOptions } from './inbox-options.ts'

export interface ResolvedInbox {
  readonly scope: string
  readonly maxAttempts: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
  readonly visibilityMs: number
  readonly strict: boolean
  readonly late: 'park' | 'run'
  readonly mode: 'enforce' | 'shadow'
  readonly batch: Required<BatchRules> | undefined
  /** Options of every engine call. A store outage never means "run anyway", because the broker delivers again. */
  readonly call: Required<Pick<CallOptions, 'leaseMs' | 'maxRunMs' | 'retentionMs' | 'waitMs'>> & CallOptions
}

export const DEFAULT_MAX_BACKOFF_MS = 60_000
const MAX_NAME_LENGTH = 100
const NUMBERS = ['maxAttempts', 'backoffMs', 'maxBackoffMs', 'holdMs', 'visibilityMs', 'redeliveryHorizonMs'] as const
const CALL_NUMBERS = ['leaseMs', 'maxRunMs', 'retentionMs'] as const
const CHOICES = { mode: ['enforce', 'shadow'], late: ['park', 'run'], strict: [true, false] } as const
const KNOWN: readonly string[] = [
  ...['once', 'name', 'scope', 'delivers', 'handle', 'key', 'fingerprint', 'onAbandoned', 'batch'],
  ...Object.keys(CHOICES),
  ...NUMBERS,
  ...CALL_NUMBERS,
]
const DELIVERS = ['at-most-once', 'at-least-once', 'exactly-once-effect'] as const

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveInbox<Tx>(given: InboxOptions<Tx>): ResolvedInbox {
  refuseUnknown(given, KNOWN)
  const {
    once,
    name,
    delivers,
    handle,
    backoffMs = 200,
    maxBackoffMs = DEFAULT_MAX_BACKOFF_MS,
  } = Object(given) as typeof given
  checkEngine(once)
  checkDelivers(once, delivers)
  if (typeof handle !== 'function') throw invalidOption('handle', 'is required: a function', handle)
  checkFunctions(given)
  for (const [option, allowed] of Object.entries(CHOICES)) {
    const value = given[option as keyof typeof CHOICES]
    if (value !== undefined && !(allowed as readonly unknown[]).includes(value))
      throw invalidOption(option, `must be one of ${allowed.map((one) => `'${one}'`).join(', ')}`, value)
  }
  for (const option of NUMBERS) checkEach(positive, { [option]: given[option] })
  if (maxBackoffMs < backoffMs)
    throw invalidOption('maxBackoffMs', `must not be shorter than backoffMs (${backoffMs})`, maxBackoffMs)
  const { maxAttempts, onAbandoned } = startsOf(given)
  const { leaseMs, maxRunMs, retentionMs } = resolveCallOptions(once.options, {
    ...Object.fromEntries(CALL_NUMBERS.map((option) => [option, given[option]])),
    onAbandoned,
  } as CallOptions)
  const { visibilityMs = leaseMs, strict = false, late = 'park', mode = 'enforce' } = given
  const { holdMs = Math.min(maxRunMs + leaseMs, LONGEST_MS) } = given
  if (holdMs > LONGEST_MS) throw invalidOption('holdMs', 'must not be longer than 100 years', holdMs)
  const batch = batchOf(given, visibilityMs)
  return {
    batch,
    scope: scopeOf(once.options.scope, name),
    maxAttempts,
    backoffMs,
    maxBackoffMs,
    visibilityMs,
    strict,
    late,
    mode,
    call: {
      leaseMs,
      maxRunMs,
      retentionMs,
      waitMs: holdMs,
      onDuplicate: 'replay',
      onStoreDown: 'fail',
      ...(onAbandoned === undefined ? {} : { onAbandoned }),
    },
  }
}

function checkDelivers(once: InboxEngine & { readonly atomic?: unknown }, delivers: unknown): void {
  if (!(DELIVERS as readonly unknown[]).includes(delivers))
    throw invalidOption('delivers', `must be one of ${DELIVERS.map((one) => `'${one}'`).join(', ')}`, delivers)
  if (delivers === 'exactly-once-effect' && once.atomic === undefined) {
    throw invalidOption('delivers', `needs a transactional store, which the ${once.store.name} store is not`, delivers)
  }
}

function checkFunctions<Tx>({ key, scope, fingerprint }: InboxOptions<Tx>): void {
  checkEach(aFunction, { scope, fingerprint })
  if (key !== undefined && typeof key !== 'function' && key !== 'id' && key !== 'coordinates')
    throw invalidOption('key', "must be 'id', 'coordinates' or a function", key)
}

const MAX_BATCH = 1_000

function batchOf<Tx>({ batch, delivers }: InboxOptions<Tx>, visibilityMs: number): Required<BatchRules> | undefined {
  if (batch === undefined) return undefined
  if (delivers !== 'exactly-once-effect')
    throw invalidOption('batch', "needs `delivers: 'exactly-once-effect'`: a batch is one transaction", delivers)
  const { maxSize, maxWaitMs = 10, ...more } = Object(batch) as BatchRules
  if (Object.keys(more).length > 0) throw invalidOption('batch', 'has only maxSize and maxWaitMs', Object.keys(more)[0])
  if (!Number.isSafeInteger(maxSize) || maxSize < 1 || maxSize > MAX_BATCH)
    throw invalidOption('batch.maxSize', `must be an integer from 1 to ${MAX_BATCH}`, maxSize)
  if (!Number.isSafeInteger(maxWaitMs) || maxWaitMs < 0 || maxWaitMs >= visibilityMs)
    throw invalidOption(
      'batch.maxWaitMs',
      `must be an integer from 0 to less than visibilityMs (${visibilityMs})`,
      maxWaitMs,
    )
  return { maxSize, maxWaitMs }
}

/** Returns `maxAttempts` and `onAbandoned`. `delivers: 'at-most-once'` sets both, and nothing else may. */
function startsOf<Tx>({ delivers, maxAttempts, onAbandoned }: InboxOptions<Tx>) {
  if (delivers !== 'at-most-once') return { maxAttempts: maxAttempts ?? 10, onAbandoned }
  const rule = "is settled by `delivers: 'at-most-once'`: leave it out"
  if (maxAttempts !== undefined && maxAttempts !== 1) throw invalidOption('maxAttempts', rule, maxAttempts)
  if (onAbandoned !== undefined && onAbandoned !== 'hold') throw invalidOption('onAbandoned', rule, onAbandoned)
  return { maxAttempts: 1, onAbandoned: 'hold' as const }
}

/** The name has no slash and ends the scope, so no two pairs of scope and name make the same scope. */
function scopeOf(engineScope: string, name: unknown): string {
  if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME_LENGTH || name.includes('/')) {
    throw invalidOption('name', `is required: 1 to ${MAX_NAME_LENGTH} characters without \`/\``, name)
  }
  const scope = `${engineScope}/inbox/${name}`
  checkScope(scope)
  return scope
}
