import { VALUE_UNREAD } from '../core/context.ts'
import { type ErrorCode, OnlyonceError } from '../core/errors.ts'
import type { AnyOnce, AtomicCall, Operation, Outcome } from '../core/once.ts'
import { checkEngine, invalidOption } from '../core/option-rules.ts'
import { type AbandonedPolicy, type CallOptions, resolveCallOptions } from '../core/options.ts'
import { report } from '../core/reporting.ts'
import type { Cancel } from '../core/runtime.ts'
import type { HttpCall, HttpReply } from './call.ts'
import { createCompositeScope } from './composite-scope.ts'
import { createDecide, NotKept, onThrow } from './deciding.ts'
import { createKeyQuota, type Leave } from './key-quota.ts'
import { warnMisconfigured } from './misconfigured.ts'
import { type Named, nameOf } from './naming.ts'
import { type HttpRules, type IdempotencyOptions, resolveRules, type TokenPort } from './options.ts'
import { describePolicy, type IdempotencyPolicy } from './policy.ts'
import { type ProblemKind, problem } from './problem.ts'
import { createReplay } from './replay.ts'
import { isReply, type StoredReply, toStored } from './stored-reply.ts'

/** What a handler runs with. */
export interface Carrying {
  readonly op: Operation
  readonly tx?: unknown
}

/**
 * Runs the handler. Resolves when it has finished its answer, whose last bytes are held until released. Rejects when
 * the handler aborted its answer, or threw where the framework sends none; throws if it must not run at all.
 */
export type Handle = (carrying: Carrying) => Promise<HttpReply>

export interface HttpGuard<R> {
  /**
   * Handles one request. Resolves with the very object that `next` resolved with: release the handler's own answer;
   * with another reply: send that in its place; with `undefined`: the request is not guarded, call the handler.
   * @throws what `next` or a function among the options threw; adapters pass it to their framework, or answer it
   */
  (call: HttpCall<R>, next: Handle): Promise<HttpReply | undefined>
  /** Whether requests with this method may be guarded. Adapters ask before they allocate anything. */
  concerns(method: string): boolean
  describe(): IdempotencyPolicy
  readonly rules: HttpRules<R>
}

/** Called with the handler's answer before the store has it. */
type Heard = (reply: HttpReply) => void

/**
 * Creates the guard, which holds every rule of the HTTP edge: adapters translate and decide nothing.
 * @throws OnlyonceError OPTION_INVALID
 */
export function createGuard<R>(once: AnyOnce, options: IdempotencyOptions<R>): HttpGuard<R> {
  checkEngine(once)
  const rules = resolveRules(options)
  const { runtime, scope, maxKeyLength, storeTimeoutMs, onListenerError } = once.options
  if (rules.atomic && once.atomic === undefined) {
    throw invalidOption('atomic', `needs a store with transactions, and ${once.store.name} has none`, true)
  }
  // The first caller is answered with the handler's own reply, not with the stored result.
  const unread = { [VALUE_UNREAD]: true }
  const callOptions: CallOptions = Object.freeze({ ...rules.call, onThrow, ...abandonedPolicy(rules), ...unread })
  // Checks the options now, not at the first request.
  resolveCallOptions(once.options, callOptions)
  const atOnce: CallOptions = Object.freeze({ ...callOptions, onInFlight: 'reject' })
  const quota = rules.newKeysPerMinute === undefined ? undefined : createKeyQuota(runtime, rules.newKeysPerMinute)
  const decide = createDecide(rules, onListenerError)
  const replay = createReplay(rules, { ...once.options, ...rules.call }.onDuplicate)
  const naming = { maxKeyLength, compositeScope: createCompositeScope(scope) }
  let waiting = 0

  /** One call of the engine. It counts as waiting, up to `maxWaiting`, until its handler starts or it ends. */
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
        ? (once.atomic as AtomicCall<unknown>).attempt(named.input, (tx, op) => effect({ op, tx }), chosen)
        : once.attempt(named.input, (op) => effect({ op }), chosen))
      const { tokens } = rules
      // Failing to close the token is only reported: the answer is stored already.
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
        // The token was valid when it was accepted, but its record was replaced since.
        return problem(named.token === undefined ? 'KEY_REUSED' : 'TOKEN_INVALID', rules)
      case 'unknown':
        return problem('OUTCOME_UNKNOWN', rules)
    }
  }

  /** Waits for the store only `storeTimeoutMs` after the answer unless atomic; the engine retries for a whole lease. */
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
          const refusal = refusalOf(error, call, own)
          if (refusal === undefined) reject(error)
          else resolve(refusal)
        }
        cancel?.()
      }
      void answered()
    })
  }

  /** Returns the reply to an error of the engine: the handler's answer if there is one, unless atomic or LEASE_LOST. */
  function refusalOf(error: unknown, call: HttpCall<R>, own: HttpReply | undefined): HttpReply | undefined {
    if (!OnlyonceError.is(error)) return undefined
    if (error.code === 'OPTION_INVALID') warnMisconfigured(call, error)
    const stands = own !== undefined && !rules.atomic && error.code !== 'LEASE_LOST'
    return stands ? own : problem(error.code, rules, error.retryAfterMs)
  }

  /** Returns 429 for a new key above the quota; `undefined` for a duplicate, which is let through. */
  async function tooMany({ input }: Named, call: HttpCall<R>, waitMs: number): Promise<HttpReply | undefined> {
    try {
      return (await once.find(input)) === undefined ? problem('TOO_MANY_KEYS', rules, waitMs) : undefined
    } catch (error) {
      const refusal = refusalOf(error, call, undefined)
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
    return (await tooMany(named, call, entered)) ?? patiently(named, call, next, undefined)
  }

  return Object.assign(guard, {
    concerns: (method: string) => rules.guarded.has(method),
    describe: () => describePolicy(rules, once.options),
    rules,
  })
}

/** Whether the token was spent on this request; assumed if an operator resolved the operation (`undefined`). */
function isFor(request: string, stored: StoredReply | undefined): boolean {
  return stored === undefined || stored.request === request
}

const CLIENT_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'KEY_MISSING',
  'KEY_INVALID',
  'TOKEN_INVALID',
  'STORE_UNAVAILABLE',
])

/** Returns the problem for errors of key or store. Rethrows others: a missing principal is the server's fault. */
function refusedName(error: unknown): ProblemKind {
  if (OnlyonceError.is(error) && CLIENT_FAULTS.has(error.code)) return error.code
  throw error
}

const NO_REPLY =
  'it needs a `status` from 200 to 599; `headers` is a list of [name, value], and `body` a string or a Uint8Array'

function abandonedPolicy<R>({ onAbandoned, kept }: HttpRules<R>): { onAbandoned?: AbandonedPolicy } {
  if (onAbandoned === undefined) return {}
  if (typeof onAbandoned !== 'function') return { onAbandoned }
  return {
    onAbandoned: async (op) => {
      const answer = await onAbandoned(op)
      // The engine refuses what is neither true nor false.
      if (answer.happened !== true) return answer
      const { status, headers = [], body = '' } = answer
      // Stored, it could never be given to anybody; refused, it is asked for again.
      if (!isReply({ status, headers, body })) throw new TypeError(NO_REPLY)
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
      return { happened: true, value: toStored({ status, headers, body: bytes }, kept) }
    },
  }
}
