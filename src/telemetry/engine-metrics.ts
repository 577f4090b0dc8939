import type { OnceEvent } from '../core/events.ts'
import { Durations, escaped, linesOf, Values } from './families.ts'

/** Counted from 0 on, so that also a first one is a rise. */
const EVENT_TYPES = [
  ...(['claimed', 'abandoned', 'executed', 'failed', 'replayed', 'in-flight', 'mismatch'] as const),
  ...(['lease-lost', 'unknown', 'unprotected', 'store-failed'] as const),
]

/** What happens to the operations of engines, as metrics. */
export function engineMetrics() {
  const families = {
    events: new Values('counter', 'events_total', 'What happened to operations.'),
    failures: new Values('counter', 'store_failures_total', 'Calls of the store that failed for good.'),
    claims: new Durations('claim_seconds', 'How long granted claims took.'),
    effects: new Durations('effect_seconds', 'How long effects took.'),
  }
  return {
    /** Returns the listener for an engine of this name. */
    engine(name: string): (event: OnceEvent) => void {
      const { events, failures } = families
      const engine = `engine="${escaped(name)}"`
      const claims = families.claims.of(engine)
      const effects = {
        executed: families.effects.of(`${engine},outcome="executed"`),
        failed: families.effects.of(`${engine},outcome="failed"`),
      }
      const of = (type: string) => `${engine},type="${type}"`
      for (const type of EVENT_TYPES) events.add(of(type), 0)
      return (event) => {
        events.add(of(event.type))
        if (event.type === 'claimed') claims.record(event.tookMs / 1000)
        if (event.type === 'executed' || event.type === 'failed') effects[event.type].record(event.tookMs / 1000)
        if (event.type === 'store-failed') failures.add(`${engine},verb="${escaped(event.verb)}",code="${event.code}"`)
      }
    },
    lines: () => linesOf(Object.values(families)),
  }
}
