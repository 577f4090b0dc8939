import type { OutboxEntry, OutboxTable } from '../core/store.ts'
import type { Hand } from './hand.ts'
import type { RelayEvent, ResolvedRelay } from './relay-options.ts'
import type { Unsettled } from './unsettled.ts'

/** With this many entries resting (waiting for a retry, or behind one), only entries that are due are read. */
const MOST_RESTING = 20_000

/** The lease of the outbox, of which one relay at a time has an unbroken one, and what it reads under it. */
export interface Lead {
  /** Whether the store may have entries that were not read yet. */
  readonly more: boolean
  /** Whether the lease lasts for `forMs` more. Without it nothing is published: the next relay publishes the same. */
  lasts(forMs: number): boolean
  /** Takes or renews the lease, and reads at most `limit` entries that are not in memory yet. Returns their number. */
  take(limit: number): Promise<number | undefined>
  /** The relay ends: others may take over. */
  over(): void
}

export interface LeadParts {
  readonly options: ResolvedRelay
  readonly take: OutboxTable<never>['take']
  readonly hand: Hand
  readonly unsettled: Unsettled
  readonly emit: (event: RelayEvent) => void
  /** An entry whose row cannot be read. */
  readonly onUnreadable: (entry: OutboxEntry, reason: string) => void
}

export function createLead({ options, take, hand, unsettled, emit, onUnreadable }: LeadParts): Lead {
  const { runtime, name, leaseMs } = options
  let leading = false
  /** By our own clock, counted from before the request: the lease never ends later for us than for the store. */
  let leaseEnds = Number.NEGATIVE_INFINITY
  let more = true

  function lead(now: boolean): void {
    if (leading !== now) emit({ type: 'leading', leading: now })
    leading = now
  }

  return {
    get more() {
      return more
    },
    lasts: (forMs) => runtime.elapsed() + forMs < leaseEnds,
    async take(limit) {
      const askedAt = runtime.elapsed()
      const renews = askedAt < leaseEnds
      // The lease was lost: another relay may have published the entries in memory.
      if (!renews) hand.drop()
      const { positions, wanted } = hand.held()
      const held = [...positions, ...unsettled.published()]
      const most = hand.resting < MOST_RESTING ? limit : Math.min(limit, wanted)
      const taken = await take(name, leaseMs, most, held).catch((error) => {
        // Another relay may lead by now, which this one cannot learn from a store that does not answer.
        if (runtime.elapsed() >= leaseEnds) lead(false)
        throw error
      })
      // The lease ended during the call, so another relay may have held it in between. `taken` is not used either: it
      // lacks the earlier entries that are dropped here.
      const tooLate = renews && runtime.elapsed() >= leaseEnds
      if (taken === undefined || tooLate) hand.drop()
      else {
        hand.add(taken, taken.length < most)
        for (const one of taken) if (one.unreadable !== undefined) onUnreadable(one, one.unreadable)
      }
      leaseEnds = taken === undefined ? Number.NEGATIVE_INFINITY : askedAt + leaseMs
      more = tooLate || taken?.length === most
      lead(taken !== undefined)
      return taken?.length
    },
    over: () => lead(false),
  }
}
