import { joinAtomic, leadAtomic } from './atomic.ts'
import { createCache } from './cache.ts'
import { type Call, type EngineContext, tell } from './context.ts'
import { OnlyonceError } from './errors.ts'
import { createEvents } from './events.ts'
import { createFlights } from './flights.ts'
import { createJoining, type Lead } from './joining.ts'
import { type KeyInput, quote, RESERVED_SCOPE_MARK, resolveKey } from './key.ts'
import { type Keeping, leadLeased } from './leased.ts'
import type { AtomicCall, AtomicEffect, AtomicOptions, Effect, Once, Outcome } from './once.ts'
import { type CallOptions, type EngineOptions, invalidOption, resolveCallOptions, resolveOptions } from './options.ts'
import { outcomeOf, settledValue } from './result.ts'
import { isTransactional, type Store, type TransactionalStore } from './store.ts'
import { createStoreCalls } from './store-calls.ts'
import { createSweeper } from './sweeper.ts'
import { viewOf } from './view.ts'
import { createWaits } from './waiting.ts'

type TxOf<S> = S extends TransactionalStore<infer Tx> ? Tx : never

/**
 * Makes the callable object through which operations take effect once.
 * @throws OnlyonceError OPTION_INVALID
 */
export function onlyonce<S extends Store>(given: EngineOptions<S>): Once<TxOf<S>> {
  const options = resolveOptions(given)
  const { store } = given
  const { runtime } = options
  const events = createEvents(options.onListenerError)
  const onFailure = (verb: string, error: unknown) => {
    const code = OnlyonceError.is(error) ? error.code : 'STORE_UNAVAILABLE'
    events.emit({ type: 'store-failed', scope: options.scope, key: '', verb, code, error })
  }
  const calls = createStoreCalls(store, { ...options, onFailure })
  const sweeper = createSweeper(store, { ...options, onFailure })
  const context: EngineContext = { store, calls, options, runtime, events }
  const flights = createFlights()
  const waits = createWaits(runtime)
  const cache = options.cache === false ? undefined : createCache(options.cache, runtime)
  let closed = false

  function checkOpen(): void {
    if (closed)
      throw new OnlyonceError('CLOSED', `the engine of scope ${quote(options.scope)} was closed; make a new one`)
  }

  const joining = createJoining(context, flights, waits, checkOpen)

  function callOf(key: KeyInput, effect: unknown, given: CallOptions | undefined, scope = options.scope): Call {
    checkOpen()
    if (typeof effect !== 'function') throw invalidOption('effect', 'must be a function', effect)
    return { named: resolveKey(key, scope, options.maxKeyLength), options: resolveCallOptions(options, given) }
  }

  async function run<T>(call: Call, lead: Lead): Promise<Outcome<T>> {
    const { named } = call
    const known = cache?.get(named)
    if (known !== undefined) {
      tell(context, call, { type: 'replayed', joined: false })
      return outcomeOf<T>(named.key, { kind: 'result', ...known, ran: false, attempt: 0 })
    }
    sweeper.touch()
    const settled = await joining(call, lead)
    if (settled.kind === 'result') cache?.put(named, settled, call.options.retentionMs)
    return outcomeOf<T>(named.key, settled)
  }

  const leased =
    (call: Call, effect: Effect<unknown>, keeping: Keeping): Lead =>
    (leading) =>
      leadLeased(context, call, effect, keeping, leading)

  const attempt = async <T>(key: KeyInput, effect: Effect<T>, given?: CallOptions): Promise<Outcome<T>> => {
    const call = callOf(key, effect, given)
    return run<T>(call, leased(call, effect, 'result'))
  }

  const once = async <T>(key: KeyInput, effect: Effect<T>, given?: CallOptions): Promise<T> => {
    const call = callOf(key, effect, given)
    const outcome = await run<T>(call, leased(call, effect, 'result'))
    return settledValue(call.named.key, outcome, call.options.onDuplicate)
  }

  const exclusive = async <T>(key: KeyInput, effect: Effect<T>, given: CallOptions = {}): Promise<T> => {
    const leaseMs = given.leaseMs ?? options.leaseMs
    const asked = typeof key === 'object' && key !== null ? key : undefined
    const scope = `${RESERVED_SCOPE_MARK}lock:${asked?.scope ?? options.scope}`
    // Only the fence and the steps of a lock are of use after it was given back, and only for a while.
    const call = callOf(
      asked === undefined ? key : withoutScope(asked),
      effect,
      { ...given, retentionMs: given.retentionMs ?? leaseMs },
      scope,
    )
    return settledValue(call.named.key, await run<T>(call, leased(call, effect, 'lock')), 'replay')
  }

  const find: Once['find'] = async (key) => {
    checkOpen()
    const named = resolveKey(key, options.scope, options.maxKeyLength)
    const record = await calls.find(named.id)
    return record === undefined ? undefined : viewOf(record, named)
  }

  const forget: Once['forget'] = async (key) => {
    checkOpen()
    const { id } = resolveKey(key, options.scope, options.maxKeyLength)
    cache?.drop(id)
    const forgotten = await calls.forget(id)
    // A call that was on its way meanwhile may have put it back.
    cache?.drop(id)
    return forgotten
  }

  const sweep: Once['sweeper'] = ({ everyMs = options.sweepEveryMs } = {}) => {
    checkOpen()
    if (!Number.isSafeInteger(everyMs) || everyMs <= 0) {
      throw invalidOption('everyMs', 'must be a positive integer (milliseconds)', everyMs)
    }
    return sweeper.run(everyMs)
  }

  let closing: Promise<void> | undefined
  const close = () => {
    closed = true
    waits.wakeAll()
    closing ??= flights.drained().then(sweeper.drained)
    return closing
  }

  const atomic = isTransactional<TxOf<S>>(store) ? atomicCalls(context, store, callOf, run) : undefined

  return Object.assign(once, {
    attempt,
    atomic: atomic as Once<TxOf<S>>['atomic'],
    exclusive,
    find,
    forget,
    sweeper: sweep,
    on: events.on,
    close,
    [Symbol.asyncDispose]: close,
    store,
    options,
  })
}

function atomicCalls<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  callOf: (key: KeyInput, effect: unknown, given: CallOptions | undefined) => Call,
  run: <T>(call: Call, lead: Lead) => Promise<Outcome<T>>,
): AtomicCall<Tx> {
  async function outcome<T>(
    key: KeyInput,
    effect: AtomicEffect<Tx, T>,
    given: AtomicOptions<Tx>,
  ): Promise<[Call, Outcome<T>]> {
    const { tx, ...rest } = given
    if (rest.onStoreDown === 'run') {
      throw invalidOption('onStoreDown', 'cannot be kept by atomic: without the store there is no transaction', 'run')
    }
    const call = callOf(key, effect, rest)
    // What joins the caller's transaction is not final, so nobody else may be answered with it.
    if (tx !== undefined)
      return [call, outcomeOf<T>(call.named.key, await joinAtomic(context, store, call, effect, tx))]
    const lead: Lead = (flight) =>
      leadAtomic(context, store, call, effect, (claim) =>
        flight.claimed(claim, context.runtime.elapsed() + call.options.leaseMs, claim.kind === 'granted'),
      )
    return [call, await run<T>(call, lead)]
  }
  const atomic = async <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, given: AtomicOptions<Tx> = {}): Promise<T> => {
    const [call, reached] = await outcome(key, effect, given)
    return settledValue(call.named.key, reached, call.options.onDuplicate)
  }
  const attempt = async <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, given: AtomicOptions<Tx> = {}) =>
    (await outcome(key, effect, given))[1]
  return Object.assign(atomic, { attempt })
}

function withoutScope({ scope: _, ...rest }: Exclude<KeyInput, string>): KeyInput {
  return rest
}
