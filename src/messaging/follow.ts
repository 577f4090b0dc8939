import type { Course } from './course.ts'
import type { Verdict } from './delivery.ts'
import { stopsOf } from './stops.ts'
import { NOT_OURS, STOPPING } from './verdict.ts'
import type { VisibleTogether } from './visibility.ts'

/**
 * Keeps a delivery from other consumers until it is decided: by `begin`, or before its handler starts because the
 * broker gave it away or `signal` aborted. Only the first decision counts.
 */
export function follow(
  course: Course,
  visible: VisibleTogether,
  signal: AbortSignal | undefined,
  begin: (decide: (verdict: Verdict) => void) => void,
): Promise<Verdict> {
  return new Promise<Verdict>((resolve) => {
    const stops = signal && stopsOf(signal)
    let decided = false
    const decide = (verdict: Verdict) => {
      if (decided) return
      decided = true
      stops?.delete(stop)
      visibility.stop()
      resolve(visibility.lost ? NOT_OURS : verdict)
    }
    // A running handler owns the operation, even if the broker gave the message away: only waiting is cut short.
    const withdraw = (verdict: Verdict) => {
      course.withdrawn ??= verdict
      if (!course.handling) decide(course.withdrawn)
    }
    const stop = () => withdraw(STOPPING)
    const visibility = visible.keep(course.delivery, () => withdraw(NOT_OURS))
    if (signal?.aborted) {
      // Without `begin`: the engine would claim it, and its record count a start that never was.
      stop()
      return
    }
    stops?.add(stop)
    begin(decide)
  })
}
