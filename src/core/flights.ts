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

/** What calls for the same operation in this process share while one of them is on its way. */
export interface Flight {
  readonly fingerprint: string
  /** The store's first answer; `undefined` when there was none. */
  readonly claimed: Promise<ClaimOutcome | undefined>
  /** Never rejects: the error is the leader's, and every follower decides for itself what it means. */
  readonly over: Promise<Settled | { readonly kind: 'error'; readonly error: unknown }>
  /** When, by this process's clock, the lease that is in the way runs out. */
  retryAt: number
  /** The claim was granted inside a transaction: until the commit it binds nothing, and it may vanish. */
  tentative: boolean
}

export interface LeadingFlight {
  readonly flight: Flight
  claimed(outcome: ClaimOutcome, retryAt: number, tentative?: boolean): void
}

export interface Flights {
  get(id: OperationId): Flight | undefined
  /** Runs `lead` as the one call for this operation. Others see the flight until it is over. */
  start(named: OperationKey, lead: (flight: LeadingFlight) => Promise<Settled>): Promise<Settled>
  /** Resolves when every flight that is under way now is over. */
  drained(): Promise<void>
}

export function createFlights(): Flights {
  const flights = new Map<OperationId, Flight>()
  return {
    get: (id) => flights.get(id),
    async start(named, lead) {
      let tellClaimed: (outcome: ClaimOutcome | undefined) => void = () => {}
      let tellOver: (end: Awaited<Flight['over']>) => void = () => {}
      const flight: Flight = {
        fingerprint: named.fingerprint,
        claimed: new Promise((resolve) => {
          tellClaimed = resolve
        }),
        over: new Promise((resolve) => {
          tellOver = resolve
        }),
        retryAt: 0,
        tentative: false,
      }
      flights.set(named.id, flight)
      const claimed = (outcome: ClaimOutcome, retryAt: number, tentative = false) => {
        flight.retryAt = retryAt
        flight.tentative = tentative
        tellClaimed(outcome)
      }
      try {
        const settled = await lead({ flight, claimed })
        flights.delete(named.id)
        tellOver(settled)
        return settled
      } catch (error) {
        flights.delete(named.id)
        tellOver({ kind: 'error', error })
        throw error
      } finally {
        tellClaimed(undefined)
      }
    },
    drained: async () => {
      await Promise.all([...flights.values()].map((flight) => flight.over))
    },
  }
}
