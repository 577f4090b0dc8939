import {
  aBoolean,
  checkEach,
  invalidKind,
  invalidOption,
  oneOf,
  positive,
  type Rule,
  refuseUnknown,
} from '../core/option-rules.ts'
import { type Runtime, sleep, systemRuntime } from '../core/runtime.ts'
import type { Store } from '../core/store.ts'

/** The calls that can fail between the engine and its store. `transaction` stands for `BEGIN … COMMIT` as a whole. */
export type FaultyVerb =
  | 'claim'
  | 'renew'
  | 'complete'
  | 'release'
  | 'find'
  | 'list'
  | 'forget'
  | 'sweep'
  | 'transaction'

/** What goes wrong with one call of a verb; times in milliseconds. */
export type Fault =
  /** A slow network: the request arrives `ms` late. */
  | { readonly kind: 'delay-request'; readonly ms: number }
  /** The store applied it at once, but the answer arrives `ms` late. */
  | { readonly kind: 'delay-reply'; readonly ms: number }
  /** The store never received it; the caller gets `error`. */
  | { readonly kind: 'lose-request'; readonly error?: unknown }
  /** The store applied it; the caller gets `error`. On `transaction`: the answer to COMMIT was lost. */
  | { readonly kind: 'lose-reply'; readonly error?: unknown }
  /** The caller never gets an answer; `applied` says whether the store applied the call. */
  | { readonly kind: 'hang'; readonly applied: boolean }
  /** The client resent it by itself: the store applies it twice, and the second answer counts. */
  | { readonly kind: 'send-twice' }
  /** A copy of the request arrives again after `ms`, when nobody waits for its answer. */
  | { readonly kind: 'send-again'; readonly ms: number }

/** Faults by verb and call number, counted from 1, or decided per call. */
export type FaultPlan =
  | Partial<Readonly<Record<FaultyVerb, Readonly<Record<number, Fault>>>>>
  | ((verb: FaultyVerb, callNumber: number) => Fault | undefined)

/** Options of `faultyStore`. */
export interface FaultyStoreOptions {
  /** Default `systemRuntime`. Counts the delays. */
  readonly runtime?: Runtime
  /** Default: nobody. Called with every fault just before it happens, so that a test can check that it did. */
  readonly onFault?: (verb: FaultyVerb, callNumber: number, fault: Fault) => void
}

const VERBS: readonly FaultyVerb[] = [
  'claim',
  'renew',
  'complete',
  'release',
  'find',
  'list',
  'forget',
  'sweep',
  'transaction',
]
const KINDS: readonly Fault['kind'][] = [
  'delay-request',
  'delay-reply',
  'lose-request',
  'lose-reply',
  'hang',
  'send-twice',
  'send-again',
]

/**
 * Returns `store` behind a network with the faults of `plan`. Calls without a fault pass through.
 * @throws OnlyonceError OPTION_INVALID for a verb, a number of a call or a kind of fault that there is not; of a
 * function as plan, at the call that it plans
 */
export function faultyStore<S extends Store>(store: S, plan: FaultPlan, options: FaultyStoreOptions = {}): S {
  refuseUnknown(options, ['runtime', 'onFault'])
  if (typeof Object(store).claim !== 'function') throw invalidKind('store', 'is required: a store', store)
  if (typeof plan !== 'function') checkPlan(plan)
  const { runtime = systemRuntime, onFault } = Object(options) as FaultyStoreOptions
  const faultOf = typeof plan === 'function' ? plan : (verb: FaultyVerb, call: number) => plan[verb]?.[call]
  const calls = new Map<FaultyVerb, number>()

  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (!VERBS.includes(name as FaultyVerb)) return member.bind(target)
      const verb = name as FaultyVerb
      return async (...args: unknown[]) => {
        const number = (calls.get(verb) ?? 0) + 1
        calls.set(verb, number)
        const send = async (): Promise<unknown> => member.apply(target, args)
        const fault = faultOf(verb, number)
        if (fault === undefined) return send()
        checkFault(`${verb}.${number}`, fault)
        if (verb === 'transaction' && (fault.kind === 'send-twice' || fault.kind === 'send-again')) {
          throw new Error('a transaction cannot be sent twice: its work runs in the client')
        }
        onFault?.(verb, number, fault)
        return inflict(fault, send, runtime, `${verb} ${number}`)
      }
    },
  })
}

/** A misspelt fault would never happen, and the test would pass. */
function checkPlan(plan: Exclude<FaultPlan, (...args: never[]) => unknown>): void {
  if (plan === undefined || plan === null)
    throw invalidOption('plan', 'is required: faults by verb and number of the call, or a function', plan)
  refuseUnknown(plan, VERBS)
  for (const [verb, faults] of Object.entries(plan)) {
    for (const [call, fault] of Object.entries(Object(faults))) {
      checkEach(positive, { [`${verb}.${call}`]: Number(call) })
      if (fault !== undefined) checkFault(`${verb}.${call}`, fault)
    }
  }
}

const aDelay: Rule = (value) => (Number.isFinite(value) && (value as number) >= 0 ? undefined : 'must be milliseconds')

function checkFault(name: string, fault: unknown): void {
  const { kind = null, ms = null, applied = null } = Object(fault)
  checkEach(oneOf(...KINDS), { [`${name}.kind`]: kind })
  if (['delay-request', 'delay-reply', 'send-again'].includes(kind)) checkEach(aDelay, { [`${name}.ms`]: ms })
  if (kind === 'hang') checkEach(aBoolean, { [`${name}.applied`]: applied })
}

async function inflict(fault: Fault, send: () => Promise<unknown>, runtime: Runtime, name: string): Promise<unknown> {
  switch (fault.kind) {
    case 'delay-request':
      await sleep(runtime, fault.ms)
      return send()
    case 'delay-reply': {
      const answer = await send()
      await sleep(runtime, fault.ms)
      return answer
    }
    case 'lose-request':
      throw errorOf(fault, `${name}: the request was lost`)
    case 'lose-reply':
      await send()
      throw errorOf(fault, `${name}: the reply was lost`)
    case 'hang':
      if (fault.applied) await send()
      return new Promise<never>(() => {})
    case 'send-twice':
      await send()
      return send()
    case 'send-again':
      // Nobody waits for the copy's answer, so its error is dropped.
      runtime.after(fault.ms, () => void send().catch(() => {}))
      return send()
  }
}

function errorOf(fault: { readonly error?: unknown }, message: string): unknown {
  return 'error' in fault ? fault.error : new Error(message)
}
