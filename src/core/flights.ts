import type { OperationKey } from './key.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { ClaimOutcome } from './store.ts'

/** `retryAfterMs` while a transaction runs: there is no lease that says when it must end. */
export const TRANSACTION_RETRY_MS = 1_000

/** How the call that went to the store for an operation ended. */
export type Settled =
  /** The store holds `result`; `ran` when this call's effect made it. */
  | {
      readonly kind: 'result'
      readonly result: StoredResult
      readonly ran: boolean
      readonly attempt: number
      readonly fence: number
    }
  /** The effect threw, and its error was not stored. */
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'in-flight'; readonly retryAfterMs: number }
  | { readonly kind: 'mismatch' }
  /** A value that no store keeps: of a lock, or of an unprotected run. */
  | { readonly kind: 'local'; readonly value: unknown; readonly fence: number }

/** The outcome of a claim that was not granted. */
export function answered(claim: Exclude<ClaimOutcome, { readonly kind: 'granted' }>): Settled {
  if (claim.kind === 'done') return { kind: 'result', result: claim.result, ran: false, attempt: 0, fence: claim.fence }
  return claim.kind === 'running' ? { kind: 'in-flight', retryAfterMs: claim.retryAfterMs } : claim
}

export type End = Settled | { readonly kind: 'error'; readonly error: unknown }

/** The shared state of concurrent calls for one operation in this process, as a follower sees it. */
export interface Flight {
  readonly fingerprint: string
  /** Set once the leader's first claim was answered; without `claim` when the flight ended before. */
  readonly told: { readonly claim: ClaimOutcome | undefined } | undefined
  /** Calls back when `told` is set. Call only while `told` is undefined. Returns an unsubscribe function. */
  whenTold(call: () => void): () => void
  /**
   * Calls back when the flight is over, at once if it already is. Returns an unsubscribe function, so that a follower
   * that stops waiting leaves nothing behind. An error is the leader's; each follower decides what it means for itself.
   */
  whenOver(call: (end: End) => void): () => void
  /** When the lease that is in the way runs out, by the runtime's `elapsed()`. */
  readonly retryAt: number
  /** Our claim in a transaction, which binds nothing until the commit, or a rival's claim, whose payload is unknown. */
  readonly tentative: boolean
  /** The operation was forgotten since the flight began: what it ends in may be what was forgotten. */
  readonly forgotten: boolean
}

export interface LeadingFlight {
  claimed(outcome: ClaimOutcome, retryAt: number, tentative?: boolean): void
  renewed(retryAt: number): void
  landed(end: End): void
}

export interface Flights {
  get(id: OperationId): Flight | undefined
  /** Begins the flight of an operation that has none. `get` returns it until it lands, so it must always land. */
  begin(named: OperationKey): LeadingFlight
  /** Marks the flight that is under way, if there is one, as `forgotten`. */
  forget(id: OperationId): void
  /** Resolves when every flight in progress at the time of the call is over. */
  drained(): Promise<void>
}

export function createFlights(): Flights {
  const flights = new Map<OperationId, UnderWay>()
  return {
    get: (id) => flights.get(id),
    begin({ id, fingerprint }) {
      const flight = new UnderWay(fingerprint, () => flights.delete(id))
      flights.set(id, flight)
      return flight
    },
    forget(id) {
      const flight = flights.get(id)
      if (flight !== undefined) flight.forgotten = true
    },
    drained: async () => {
      await Promise.all([...flights.values()].map((flight) => new Promise((over) => flight.whenOver(over))))
    },
  }
}

/** Most flights have no followers, so the sets of callbacks are made when the first follower asks. */
class UnderWay implements Flight, LeadingFlight {
  readonly fingerprint: string
  retryAt = 0
  tentative = false
  forgotten = false
  told: { readonly claim: ClaimOutcome | undefined } | undefined
  #listeners: Set<() => void> | undefined
  #end: End | undefined
  #followers: Set<(end: End) => void> | undefined

  readonly #leave: () => void

  constructor(fingerprint: string, leave: () => void) {
    this.fingerprint = fingerprint
    this.#leave = leave
  }

  whenTold(call: () => void): () => void {
    this.#listeners ??= new Set()
    const listeners = this.#listeners.add(call)
    return () => void listeners.delete(call)
  }

  whenOver(call: (end: End) => void): () => void {
    if (this.#end !== undefined) {
      call(this.#end)
      return () => {}
    }
    this.#followers ??= new Set()
    const followers = this.#followers.add(call)
    return () => void followers.delete(call)
  }

  claimed(outcome: ClaimOutcome, retryAt: number, tentative = false): void {
    this.retryAt = retryAt
    this.tentative = tentative
    this.#answered(outcome)
  }

  renewed(retryAt: number): void {
    this.retryAt = retryAt
  }

  landed(end: End): void {
    this.#leave()
    this.#answered(undefined)
    this.#end = end
    for (const call of this.#followers ?? []) call(end)
  }

  /** Only the first answer counts. */
  #answered(claim: ClaimOutcome | undefined): void {
    if (this.told !== undefined) return
    this.told = { claim }
    for (const call of this.#listeners ?? []) call()
  }
}
