import { backoff } from './backoff.ts'
import { type Call, type EngineContext, tell } from './context.ts'
import { OnlyonceError } from './errors.ts'
import {
  type End,
  type Flight,
  type Flights,
  type LeadingFlight,
  type Settled,
  TRANSACTION_RETRY_MS,
} from './flights.ts'
import { isLock } from './key.ts'
import type { Waits } from './waiting.ts'

/** Claims an operation once and, when granted, runs its effect. */
export type Lead = (leading: LeadingFlight) => Promise<Settled>

const FIRST_POLL_MS = 20
const SLOWEST_POLL_MS = 1_000

/**
 * Returns the function that settles a call: as the leader that goes to the store, or as a follower of the flight that
 * is already in progress in this process. With `onInFlight: 'wait'` both wait, at most `waitMs`: a follower for its
 * flight, a leader with jittered polling, woken early by the store where it can notify.
 */
export function createJoining(context: EngineContext, flights: Flights, waits: Waits, checkOpen: () => void) {
  const { runtime, store } = context

  async function leadAndWait(call: Call, lead: Lead, deadline: number): Promise<Settled> {
    const flight = flights.begin(call.named)
    let pollMs: (() => number) | undefined
    try {
      for (;;) {
        const settled = await lead(flight)
        if (settled.kind !== 'in-flight' || call.options.onInFlight === 'reject' || runtime.elapsed() >= deadline) {
          flight.landed(settled)
          announce(call, settled, false)
          return settled
        }
        pollMs ??= backoff(runtime, FIRST_POLL_MS, SLOWEST_POLL_MS)
        // If the lease runs out before the next poll, poll right after it.
        const pause = Math.min(pollMs(), settled.retryAfterMs + 1, deadline - runtime.elapsed())
        await waits.wait(pause, (wake) => watch(call, wake))
        checkOpen()
      }
    } catch (error) {
      flight.landed({ kind: 'error', error })
      throw error
    }
  }

  /** Subscribes to a hint of the store. If it gives none, or watching fails, the waiter still polls. */
  function watch(call: Call, wake: () => void): (() => void) | undefined {
    try {
      return store.watch?.(call.named.id, wake)
    } catch {
      return undefined
    }
  }

  /** The outcome that a follower takes from a flight; `undefined` when it must go to the store itself. */
  async function follow(call: Call, flight: Flight, deadline: number): Promise<Settled | undefined> {
    // Twice `storeTimeoutMs`: a transaction may wait long for its claim, and a one-statement effect reports only when
    // it is over. A leased claim has failed by then, and its error is more useful than ours.
    const { storeTimeoutMs } = context.options
    const patience = call.options.onInFlight === 'reject' ? 2 * storeTimeoutMs : deadline - runtime.elapsed()
    if (flight.told === undefined) await waits.wait(patience, (wake) => flight.whenTold(wake))
    const inFlight = (): Settled => ({
      kind: 'in-flight',
      retryAfterMs: flight.tentative
        ? TRANSACTION_RETRY_MS
        : Math.max(0, Math.ceil(flight.retryAt - runtime.elapsed())),
    })
    if (flight.told === undefined) {
      checkOpen()
      return { kind: 'in-flight', retryAfterMs: storeTimeoutMs }
    }
    const first = flight.told.claim
    if (flight.fingerprint !== call.named.fingerprint) {
      // Ours is a mismatch for certain only when the key is known to be bound to the leader's payload.
      const unbound = flight.tentative || flight.forgotten
      if (first !== undefined && first.kind !== 'mismatch' && !unbound) return { kind: 'mismatch' }
      const left = deadline - runtime.elapsed()
      if (left <= 0 || (unbound && call.options.onInFlight === 'reject')) return inFlight()
      await waits.wait(left, (wake) => flight.whenOver(wake))
      return undefined
    }
    const settledSoon = first === undefined || first.kind === 'done' || first.kind === 'mismatch'
    if (!settledSoon && call.options.onInFlight === 'reject') return inFlight()
    let end: End | undefined
    await waits.wait(settledSoon ? context.options.storeTimeoutMs : deadline - runtime.elapsed(), (wake) =>
      flight.whenOver((value) => {
        end = value
        wake()
      }),
    )
    checkOpen()
    const reached = end as End | undefined
    if (reached === undefined) return inFlight()
    if (flight.forgotten) return undefined
    if (reached.kind === 'result') return { ...reached, ran: false }
    if (reached.kind === 'mismatch') return reached
    if (reached.kind !== 'error') return undefined
    if (isOnlyTheLeaders(reached.error, call)) return undefined
    throw reached.error
  }

  /** Of a lock that could not be given back only its holder knows that its effect ran: another one has its own to run. */
  function isOnlyTheLeaders(error: unknown, { named }: Call): boolean {
    const code = OnlyonceError.is(error) ? error.code : undefined
    return code === 'LEASE_LOST' || (code === 'OUTCOME_UNKNOWN' && isLock(named))
  }

  /** Follows until a flight gives an outcome; leads when there is no flight. */
  async function followOrLead(call: Call, lead: Lead, deadline: number): Promise<Settled> {
    for (;;) {
      const flight = flights.get(call.named.id)
      if (flight === undefined) return leadAndWait(call, lead, deadline)
      const settled = await follow(call, flight, deadline)
      if (settled === undefined) {
        checkOpen()
        continue
      }
      announce(call, settled, true)
      return settled
    }
  }

  return (call: Call, lead: Lead): Promise<Settled> => {
    const deadline = runtime.elapsed() + call.options.waitMs
    const join = flights.get(call.named.id) === undefined ? leadAndWait : followOrLead
    return join(call, lead, deadline)
  }

  function announce(call: Call, settled: Settled, joined: boolean): void {
    if (settled.kind === 'mismatch') tell(context, call, { type: 'mismatch' })
    if (settled.kind === 'in-flight') tell(context, call, { type: 'in-flight', retryAfterMs: settled.retryAfterMs })
    if (settled.kind === 'result' && !settled.ran) {
      tell(context, call, { type: 'replayed', result: settled.result.kind, joined })
    }
  }
}
