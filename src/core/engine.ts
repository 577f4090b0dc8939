import { atomicCalls } from './atomic-calls.ts'
import { createCache } from './cache.ts'
import { type Call, type EngineContext, isUnread, tell } from './context.ts'
import { OnlyonceError } from './errors.ts'
import { createEvents } from './events.ts'
import { createFlights } from './flights.ts'
import { createJoining, type Lead } from './joining.ts'
import { checkScope, type KeyInput, keyInScope, lockScope, quote, resolveKey } from './key.ts'
import { type Keeping, leadLeased } from './leased.ts'
import type { Effect, Once, Outcome } from './once.ts'
import { checkEach, invalidOption, notAnObject, positive, refuseUnknown } from './option-rules.ts'
import { type CallOptions, type EngineOptions, resolveCallOptions, resolveOptions } from './options.ts'
import { outcomeOf, settledValue } from './result.ts'
import { isTransactional, type Store, type TransactionalStore } from './store.ts'
import { createStoreCalls } from './store-calls.ts'
import { createSweeper } from './sweeper.ts'
import { createUnderWay } from './under-way.ts'
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
    const named = resolveKey(key, scope, options.maxKeyLength)
    return { named, options: resolveCallOptions(options, given), unread: isUnread(given) }
  }

  async function run<T>(call: Call, lead: Lead): Promise<Outcome<T>> {
    const { named } = call
    const known = cache?.get(named)
    if (known !== undefined) {
      tell(context, call, { type: 'replayed', result: known.result.kind, joined: false })
      return outcomeOf<T>(named.key, { kind: 'result', ...known, ran: false, attempt: 0 })
    }
    sweeper.touch()
    const drops = cache?.drops ?? 0
    const settled = await joining(call, lead)
    if (settled.kind === 'result') cache?.put(named, settled, call.options.retentionMs, drops)
    return outcomeOf<T>(named.key, settled, call.unread)
  }

  const leased =
    (call: Call, effect: Effect<unknown>, keeping: Keeping): Lead =>
    (leading) =>
      leadLeased(context, call, effect, keeping, leading)

  const attempt = async <T>(key: KeyInput, effect: Effect<T>, given?: CallOptions): Promise<Outcome<T>> => {
    const call = callOf(key, effect, given)
    return await run<T>(call, leased(call, effect, 'result'))
  }

  const once = async <T>(key: KeyInput, effect: Effect<T>, given?: CallOptions): Promise<T> => {
    const call = callOf(key, effect, given)
    const outcome = await run<T>(call, leased(call, effect, 'result'))
    return settledValue(call.named.key, outcome, call.options.onDuplicate)
  }

  const exclusive = async <T>(key: KeyInput, effect: Effect<T>, given?: CallOptions): Promise<T> => {
    const leaseMs = given?.leaseMs ?? options.leaseMs
    const asked = typeof key === 'object' && key !== null ? key : undefined
    if (asked?.scope !== undefined) checkScope(asked.scope)
    const scope = lockScope(asked?.scope ?? options.scope)
    // After a lock is released, only its fence is of use, and only for a while: by default for one lease.
    const call = callOf(
      asked === undefined ? key : keyInScope(asked),
      effect,
      notAnObject(given) ? given : { ...given, retentionMs: given?.retentionMs ?? leaseMs },
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
    const drop = () => {
      cache?.drop(id)
      flights.forget(id)
    }
    drop()
    try {
      return await calls.forget(id)
    } finally {
      // Again, because a call may have read the record before it was forgotten. Also when the answer was lost.
      drop()
    }
  }

  const sweep: Once['sweeper'] = (given = {}) => {
    checkOpen()
    refuseUnknown(given, ['everyMs'])
    const { everyMs = options.sweepEveryMs } = Object(given) as { readonly everyMs?: number }
    checkEach(positive, { everyMs })
    return sweeper.run(everyMs)
  }

  /** Atomic calls without a flight: batches, and those in the caller's transaction. */
  const unflown = createUnderWay()
  const underWay = <T>(call: Promise<T>): Promise<T> => {
    sweeper.touch()
    return unflown.add(call)
  }
  const atomic = isTransactional<TxOf<S>>(store) ? atomicCalls(context, store, callOf, run, underWay) : undefined

  let closing: Promise<void> | undefined
  const close = () => {
    closed = true
    waits.wakeAll()
    closing ??= Promise.all([flights.drained(), unflown.ended()]).then(sweeper.drained)
    return closing
  }

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
