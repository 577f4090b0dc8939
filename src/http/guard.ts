import { VALUE_UNREAD } from '../core/context.ts'
import { type ErrorCode, OnlyonceError } from '../core/errors.ts'
import { report, tried } from '../core/events.ts'
import type { Once, Operation, Outcome } from '../core/once.ts'
import { type AbandonedPolicy, type CallOptions, invalidOption, resolveCallOptions } from '../core/options.ts'
import type { Cancel } from '../core/runtime.ts'
import type { HttpCall, HttpReply, Omitted } from './call.ts'
import { createCompositeScope } from './composite-scope.ts'
import { createKeyQuota, type Leave } from './key-quota.ts'
import { type Named, nameOf } from './naming.ts'
import { type HttpRules, type IdempotencyOptions, resolveRules, type TokenPort } from './options.ts'
import { defaultOutcome } from './outcome.ts'
import { describePolicy, type IdempotencyPolicy } from './policy.ts'
import { type ProblemKind, problem } from './problem.ts'
import { fromStored, type StoredReply, toStored } from './stored-reply.ts'
import { warnUnrecordable } from './unrecordable.ts'

/** What a handler runs with. */
export interface Carrying {
  readonly op: Operation
  readonly tx?: unknown
}

/**
 * Runs the handler and resolves when it has ended its answer, the end of which waits to be let go. Rejects when the
 * handler broke its answer off, or threw where the framework makes no answer of that.
 */
export type Handle = (carrying: Carrying) => Promise<HttpReply>

export interface HttpGuard<R> {
  /**
   * Answers one request. The very object that `next` resolved with means: let the handler's own answer go. Any other
   * reply is to be sent in its place. `undefined`: this request is not guarded, carry on as if there were no guard.
   * @throws what `next`, or a function among the options, threw: the adapter hands it to its framework, or answers where there is none
   */
  (call: HttpCall<R>, next: Handle): Promise<HttpReply | undefined>
  /** Whether requests with this method are looked at: adapters ask before they make anything. */
  concerns(method: string): boolean
  describe(): IdempotencyPolicy
  readonly rules: HttpRules<R>
}

/** Told of the handler's answer before the store has it. */
type Heard = (reply: HttpReply) => void

/** The answer is no result. An error, because that is what ends an operation without one. */
class NotKept extends Error {
  readonly reply: HttpReply
  readonly decision: 'release' | 'abandon'

  constructor(reply: HttpReply, decision: 'release' | 'abandon') {
    super(`answered ${reply.status}, which is not kept`)
    this.reply = reply
    this.decision = decision
  }
}

function onThrow(error: unknown): 'release' | 'abandon' {
  if (error instanceof NotKept) return error.decision
  return OnlyonceError.is(error) && error.code === 'OUTCOME_UNKNOWN' ? 'abandon' : 'release'
}

/**
 * Every rule of the HTTP edge; adapters translate and decide nothing.
 * @throws OnlyonceError OPTION_INVALID
 */
export function createGuard<R, Tx = never>(once: Once<Tx>, options: IdempotencyOptions<R>): HttpGuard<R> {
  if (typeof Object(once).attempt !== 'function') {
    throw invalidOption('once', 'must be an engine, as `onlyonce({ store, scope })` answers', typeof once)
  }
  const rules = resolveRules(options)
  const { runtime, scope, maxKeyLength, storeTimeoutMs, onListenerError } = once.options
  if (rules.atomic && once.atomic === undefined) {
    throw invalidOption('atomic', `needs a store with transactions, and ${once.store.name} has none`, true)
  }
  // What a request is answered with is the handler's reply itself, and not what was stored of it.
  const unread = { [VALUE_UNREAD]: true }
  const callOptions: CallOptions = Object.freeze({ ...rules.call, onThrow, ...abandonedPolicy(rules), ...unread })
  // Now, and not with the first request.
  resolveCallOptions(once.options, callOptions)
  const atOnce: CallOptions = Object.freeze({ ...callOptions, onInFlight: 'reject' })
  const quota = rules.newKeysPerMinute === undefined ? undefined : createKeyQuota(runtime, rules.newKeysPerMinute)
  const unrecordable = rules.onUnrecordable ?? warnUnrecordable()
  const naming = { maxKeyLength, compositeScope: createCompositeScope(scope) }
  const { onDuplicate } = { ...once.options, ...rules.call }
  let waiting = 0

  function decide(reply: HttpReply, call: HttpCall<R>): StoredReply {
    const decision = safely(() => rules.outcome?.(reply, call)) ?? defaultOutcome(reply)
    if (decision === 'release' || decision === 'abandon') throw new NotKept(reply, decision)
    const stored = safely(() => kept(reply)) ?? toStored({ ...reply, ...NOT_REDACTED }, rules.kept)
    if (stored.omitted !== undefined) safely(() => unrecordable(stored.omitted as Omitted, call))
    return stored
  }

  /** @throws what `redact` throws, or because it answered something else than a reply */
  function kept(reply: HttpReply): StoredReply {
    if (rules.redact === undefined) return toStored(reply, rules.kept)
    const stored = toStored(rules.redact(reply), rules.kept)
    fromStored(stored)
    return stored
  }

  /** The handler has run: a function of the user's that throws now must not make it run again. */
  const safely = <T>(ask: () => T) => tried(onListenerError, ask)

  /** One call of the engine, which knows a duplicate that waits from a handler at work. */
  async function attempt(
    named: Named,
    call: HttpCall<R>,
    next: Handle,
    heard: Heard,
    leave: Leave | undefined,
  ): Promise<Outcome<StoredReply>> {
    const { token } = named
    let started = false
    let waits = true
    waiting++
    const over = () => {
      if (waits) waiting--
      waits = false
    }
    const record = async (carrying: Carrying): Promise<StoredReply> => {
      const reply = await next(carrying)
      heard(reply)
      return decide(reply, call)
    }
    let spent: Operation | undefined
    const spend = async (carrying: Carrying, { bound, request }: NonNullable<Named['token']>) => {
      spent = carrying.op
      const stored = await (rules.tokens as TokenPort).spend(carrying.op, bound, () => record(carrying))
      return { ...stored, request }
    }
    const effect = (carrying: Carrying): Promise<StoredReply> => {
      over()
      started = true
      return token === undefined ? record(carrying) : spend(carrying, token)
    }
    const chosen = waiting > rules.maxWaiting ? atOnce : callOptions
    try {
      const outcome = await (rules.atomic
        ? once.atomic.attempt(named.input, (tx: unknown, op: Operation) => effect({ op, tx }), chosen)
        : once.attempt(named.input, (op) => effect({ op }), chosen))
      const { tokens } = rules
      // What it fails with is nothing to the answer, which is stored.
      if (spent !== undefined && outcome.kind === 'executed') {
        await Promise.resolve(tokens?.close?.(spent)).catch((error) => report(onListenerError, error))
      }
      return outcome
    } finally {
      over()
      leave?.(started)
    }
  }

  function answer(
    named: Named,
    call: HttpCall<R>,
    outcome: Outcome<StoredReply>,
    own: HttpReply | undefined,
  ): HttpReply | Promise<HttpReply> {
    switch (outcome.kind) {
      case 'executed':
        return own as HttpReply
      case 'replayed':
        if (named.token !== undefined && !isFor(named.token.request, outcome.value)) return problem('KEY_REUSED', rules)
        return replay(call, outcome.value)
      case 'failed':
        if (outcome.error instanceof NotKept) return outcome.error.reply
        if (outcome.replayed && OnlyonceError.is(outcome.error)) return problem(outcome.error.code, rules)
        throw outcome.error
      case 'in-flight':
        return problem('IN_FLIGHT', rules, outcome.retryAfterMs)
      case 'mismatch':
        // A token that was right a moment ago, and is another record by now.
        return problem(named.token === undefined ? 'KEY_REUSED' : 'TOKEN_INVALID', rules)
      case 'unknown':
        return problem('OUTCOME_UNKNOWN', rules)
    }
  }

  async function replay(call: HttpCall<R>, stored: StoredReply): Promise<HttpReply> {
    if (onDuplicate === 'reject') return problem('DUPLICATE', rules)
    if (rules.canReplay !== undefined && !(await rules.canReplay(call))) return problem('REPLAY_REFUSED', rules)
    const { status, headers, body, omitted } = fromStored(stored)
    if (omitted === 'event-stream' || omitted === 'not-known') return problem('RESULT_UNSERIALIZABLE', rules)
    const marks: [string, string][] = [['cache-control', 'no-store']]
    if (rules.replayedHeader !== false) marks.push([rules.replayedHeader.toLowerCase(), 'true'])
    if (omitted !== undefined) marks.push(['idempotency-body-omitted', omitted])
    return { status, headers: [...headers, ...marks], body: body ?? new Uint8Array(0) }
  }

  /** The client need not wait for a store that does not answer: the engine goes on asking it, for a whole lease. */
  function patiently(named: Named, call: HttpCall<R>, next: Handle, leave: Leave | undefined): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      let own: HttpReply | undefined
      let cancel: Cancel | undefined
      const heard = (reply: HttpReply) => {
        own = reply
        if (!rules.atomic) cancel = runtime.after(storeTimeoutMs, () => resolve(reply))
      }
      const answered = async () => {
        try {
          resolve(await answer(named, call, await attempt(named, call, next, heard, leave), own))
        } catch (error) {
          const refusal = refusalOf(error, own)
          if (refusal === undefined) reject(error)
          else resolve(refusal)
        }
        cancel?.()
      }
      void answered()
    })
  }

  /** What a client is told when the engine says no. An answer that exists is given, whatever became of its record. */
  function refusalOf(error: unknown, own: HttpReply | undefined): HttpReply | undefined {
    if (!OnlyonceError.is(error)) return undefined
    const stands = own !== undefined && !rules.atomic && error.code !== 'LEASE_LOST'
    return stands ? own : problem(error.code, rules, error.retryAfterMs)
  }

  /** A duplicate is not one too many. */
  async function tooMany({ input }: Named, waitMs: number): Promise<HttpReply | undefined> {
    try {
      return (await once.find(input)) === undefined ? problem('TOO_MANY_KEYS', rules, waitMs) : undefined
    } catch (error) {
      const refusal = refusalOf(error, undefined)
      if (refusal === undefined) throw error
      return refusal
    }
  }

  async function guard(call: HttpCall<R>, next: Handle): Promise<HttpReply | undefined> {
    if (!rules.guarded.has(call.method)) return undefined
    let named: Awaited<ReturnType<typeof nameOf<R>>>
    try {
      named = await nameOf(rules, naming, call)
    } catch (error) {
      return problem(refusedName(error), rules)
    }
    if (named === undefined || 'status' in named) return named
    const { scope, key } = named.input
    const entered = quota?.enter(named.principal, `${scope} ${key}`)
    if (typeof entered !== 'number') return patiently(named, call, next, entered)
    return (await tooMany(named, entered)) ?? patiently(named, call, next, undefined)
  }

  return Object.assign(guard, {
    concerns: (method: string) => rules.guarded.has(method),
    describe: () => describePolicy(rules, once.options),
    rules,
  })
}

/** `undefined`: resolved by hand. Which request the token was spent on is not known then. */
function isFor(request: string, stored: StoredReply | undefined): boolean {
  return stored === undefined || stored.request === request
}

const NOT_REDACTED = { headers: [], body: undefined, omitted: 'not-redacted' } as const

const CLIENT_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'KEY_MISSING',
  'KEY_INVALID',
  'TOKEN_INVALID',
  'STORE_UNAVAILABLE',
])

/** Only what is wrong with the key is the client's business; a principal that is missing is a fault of the server. */
function refusedName(error: unknown): ProblemKind {
  if (OnlyonceError.is(error) && CLIENT_FAULTS.has(error.code)) return error.code
  throw error
}

function abandonedPolicy<R>({ onAbandoned, kept }: HttpRules<R>): { onAbandoned?: AbandonedPolicy } {
  if (onAbandoned === undefined) return {}
  if (typeof onAbandoned !== 'function') return { onAbandoned }
  return {
    onAbandoned: async (op) => {
      const answer = await onAbandoned(op)
      if (!answer.happened) return answer
      const { status, headers = [], body = '' } = answer
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
      return { happened: true, value: toStored({ status, headers, body: bytes }, kept) }
    },
  }
}
