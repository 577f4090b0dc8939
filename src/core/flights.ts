import type { OperationKey } from './key.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { ClaimOutcome } from './store.ts'

/** How the one call that went to the store for an operation came back. */
export type Settled =
  /** The store holds `result`; `ran` when this call's effect made it. */
  | {
      readonly kind: 'result'
      readonly result: StoredResult
      readonly ran: boolean
      readonly attempt: number
      readonly fence: number
    }
  /** The effect threw and the operation was given back. */
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'in-flight'; readonly retryAfterMs: number }
  | { readonly kind: 'mismatch' }
  /** A value that no store keeps: of a lock, or of an unprotected run. */
  | { readonly kind: 'local'; readonly value: unknown; readonly fence: number }

export type End = Settled | { readonly kind: 'error'; readonly error: unknown }

/** What calls for the same operation in this process share while one of them is on its way. */
export interface Flight {
  readonly fingerprint: string
  /** Once it is there: the store's first answer, or none. */
  readonly told: { readonly claim: ClaimOutcome | undefined } | undefined
  /** Calls back once `told` is there, of which it is not yet; answers what takes that back. */
  whenTold(call: () => void): () => void
  /**
   * Calls back once it is over, at once where it is; answers what takes that back: whoever has waited long enough leaves
   * nothing behind. An error is the leader's, and every follower decides for itself what it means.
   */
  whenOver(call: (end: End) => void): () => void
  /** When, by this process's clock, the lease that is in the way runs out. */
  readonly retryAt: number
  /** The claim was granted inside a transaction: until the commit it binds nothing, and it may vanish. */
  readonly tentative: boolean
}

export interface LeadingFlight {
  claimed(outcome: ClaimOutcome, retryAt: number, tentative?: boolean): void
  renewed(retryAt: number): void
  landed(end: End): void
}

export interface Flights {
  get(id: OperationId): Flight | undefined
  /** Begins the one flight for this operation. Others see it until it lands, and it must land whatever happens. */
  begin(named: OperationKey): LeadingFlight
  /** Resolves when every flight that is under way now is over. */
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
    drained: async () => {
      await Promise.all([...flights.values()].map((flight) => new Promise((over) => flight.whenOver(over))))
    },
  }
}

/** Most flights are never joined, so what only followers wait for is made when the first of them asks. */
class UnderWay implements Flight, LeadingFlight {
  readonly fingerprint: string
  retryAt = 0
  tentative = false
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

  /** The first word counts. */
  #answered(claim: ClaimOutcome | undefined): void {
    if (this.told !== undefined) return
    this.told = { claim }
    for (const call of this.#listeners ?? []) call()
  }
}
