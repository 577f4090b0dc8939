import { OnlyonceError } from '../core/errors.ts'
import type { Once, Outcome } from '../core/once.ts'
import { invalidOption } from '../core/option-rules.ts'
import { type AbandonedPolicy, type CallOptions, resolveCallOptions } from '../core/options.ts'
import { sleep } from '../core/runtime.ts'
import { loadLibrary, type RpcLibrary } from './library.ts'
import { nameOf } from './naming.ts'
import { type RpcIdempotencyOptions, type RpcRules, resolveRpc } from './options.ts'
import { refusal } from './refusal.ts'
import { replay } from './replay.ts'
import { type Run, runOf } from './running.ts'
import { callOf, type RpcCall, type RpcInterceptor, type RpcRequest, type RpcResponse } from './shapes.ts'
import { storedAnswer } from './stored.ts'

/** The part of an engine that the interceptor uses. */
export type RpcEngine = Pick<Once, 'attempt' | 'options'>

/**
 * A server interceptor for Connect, gRPC and gRPC-Web: a unary call with an idempotency key takes effect once, and its
 * duplicates get the same answer. Put it after the one that authenticates: the first in the list is the outermost.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency(once: RpcEngine, options: RpcIdempotencyOptions): RpcInterceptor {
  if (typeof once?.attempt !== 'function' || once.options === undefined)
    throw invalidOption('once', 'is required: what onlyonce() answered', once)
  const rules = resolveRpc(options)
  // Validates the options now, not at the first call.
  resolveCallOptions(once.options, rules.call)
  return (next) => async (request) => {
    const call = callOf(request)
    if (!rules.methods(call)) return next(request)
    const library = await loadLibrary()
    const refuse = (error: unknown): never => {
      throw OnlyonceError.is(error) ? refusal(library, error) : error
    }
    const named = await nameOf(once.options, rules, library, request, call).catch(refuse)
    if (named === undefined) return next(request)
    const run = runOf(next, request, call, rules, library, once.options.onListenerError)
    const attempt = once.attempt(named, run.effect, callOptions(rules, request, call, library))
    const outcome = await untilLate(attempt, run.over, once.options).catch((error) => {
      // Without a record the answer stands all the same: the caller would make the call again for want of it.
      const stands = run.ended !== undefined && OnlyonceError.is(error) && error.code !== 'LEASE_LOST'
      return stands ? undefined : refuse(error)
    })
    const { ended } = run
    // The first caller gets the handler's whole response; what is stored for duplicates may be less.
    if (ended !== undefined && isOwn(outcome)) return endOf(ended)
    try {
      return replayed(outcome as Outcome<unknown>, once, rules, request, library) as Awaited<ReturnType<typeof next>>
    } catch (error) {
      return refuse(error)
    }
  }
}

/** Waits for the store only `storeTimeoutMs` after the handler has ended; the engine retries for a whole lease. */
async function untilLate<T>(
  attempt: Promise<T>,
  over: Promise<void>,
  { runtime, storeTimeoutMs }: RpcEngine['options'],
): Promise<T | undefined> {
  const known = new AbortController()
  const late = async () => {
    await over
    await sleep(runtime, storeTimeoutMs, known.signal)
    return undefined
  }
  try {
    return await Promise.race([attempt, late()])
  } finally {
    known.abort()
  }
}

/** `undefined`: the store does not know it yet. */
function isOwn(outcome: Outcome<unknown> | undefined): boolean {
  return outcome === undefined || outcome.kind === 'executed' || (outcome.kind === 'failed' && !outcome.replayed)
}

function endOf<Response>(ended: NonNullable<Run<Response>['ended']>): Response {
  if ('thrown' in ended) throw ended.thrown
  return ended.response
}

/** Returns the response for a caller that did not run the handler. @throws OnlyonceError, and the stored error */
function replayed(
  outcome: Outcome<unknown>,
  once: RpcEngine,
  rules: RpcRules,
  request: RpcRequest,
  library: RpcLibrary,
): RpcResponse {
  switch (outcome.kind) {
    case 'executed':
    case 'replayed': {
      const { onDuplicate } = { ...once.options, ...rules.call }
      if (onDuplicate === 'reject')
        throw new OnlyonceError('DUPLICATE', 'the call was made, and duplicates are rejected')
      return replay(outcome.value, request, rules, library)
    }
    case 'in-flight': {
      const { retryAfterMs } = outcome
      throw new OnlyonceError('IN_FLIGHT', 'another caller is making this call', { retryAfterMs })
    }
    case 'mismatch':
      throw new OnlyonceError('KEY_REUSED', 'the key is bound to another request')
    case 'unknown':
      throw new OnlyonceError('OUTCOME_UNKNOWN', 'the call was abandoned; resolve it (onlyonce keys resolve)')
    case 'failed':
      throw outcome.error
  }
}

function callOptions(rules: RpcRules, request: RpcRequest, call: RpcCall, library: RpcLibrary): CallOptions {
  const { onAbandoned } = rules
  if (onAbandoned === undefined) return { ...rules.call, onThrow: 'release' }
  if (typeof onAbandoned !== 'function') return { ...rules.call, onThrow: 'release', onAbandoned }
  const reconcile: AbandonedPolicy = async (op) => {
    const known = await onAbandoned(op, call)
    if (!known?.happened) return known
    // An empty message in its place would be the answer of all duplicates, until the retention is over.
    if (typeof known.message !== 'object' || known.message === null)
      throw invalidOption('onAbandoned', 'must answer the message of a call that happened', known.message)
    const { output } = request.method
    const message = library.toBinary(output, library.create(output, known.message))
    return { happened: true, value: storedAnswer(message, { header: new Headers(), trailer: new Headers() }, rules) }
  }
  return { ...rules.call, onThrow: 'release', onAbandoned: reconcile }
}
