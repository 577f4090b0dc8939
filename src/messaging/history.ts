import { operationId, resolveKey } from '../core/key.ts'
import type { ObservedRecord, OperationId } from '../core/record.ts'
import type { Course, Named } from './course.ts'
import { counterId, type Records } from './records.ts'

/**
 * What is known of the starts before this delivery.
 * - `done`: there is a result; nothing will start
 * - `none`: the store knows of no start, and the broker will mark a further delivery: treated as the first one
 * - `orderly`: there was no start, or each one ended, in success or failure
 * - `unfinished`: one started and was not seen to end: it still runs, or its process died
 */
export type History = 'done' | 'none' | 'orderly' | 'unfinished'

export interface Histories {
  /** @throws OnlyonceError KEY_MISSING, KEY_INVALID, STORE_UNAVAILABLE */
  of(course: Course): Promise<History>
  /** The same for many deliveries, with one request. */
  ofAll(courses: readonly Course[]): Promise<readonly History[]>
  /** Call when a start that no record counts has ended in this process. */
  ended(named: Named): void
}

const MOST_REMEMBERED = 10_000

/** `countsApart`: starts are counted in a separate record. */
export function createHistories(records: Records, maxKeyLength: number, countsApart: boolean): Histories {
  /** First deliveries that ended here. In atomic mode a failed one leaves no record, just as one whose process died. */
  const endedHere = new Set<OperationId>()

  async function ofAll(courses: readonly Course[]): Promise<readonly History[]> {
    const asked = courses.flatMap(({ delivery, named }) => {
      if (delivery.redelivered === false) return []
      const { id } = resolveKey(named, named.scope, maxKeyLength)
      return countsApart ? [id, counterId(named)] : [id]
    })
    // Each id is asked for once, however many copies of its message there are.
    const ids = [...new Set(asked)]
    const found = ids.length === 0 ? [] : await records.find(ids)
    const byId = new Map(ids.map((id, index) => [id, found[index]]))
    return courses.map(({ delivery: { redelivered }, named }) => {
      if (redelivered === false) return 'orderly'
      const id = operationId(named.scope, named.key)
      const record = byId.get(id)
      if (record?.state === 'done') return 'done'
      if (!countsApart) return ended(record) ? 'orderly' : 'unfinished'
      const counter = byId.get(counterId(named))
      if (redelivered === 'maybe' && record === undefined && counter === undefined) return 'none'
      if (counter === undefined) return redelivered === 'unknown' || endedHere.has(id) ? 'orderly' : 'unfinished'
      return ended(counter) && ended(record) ? 'orderly' : 'unfinished'
    })
  }

  return {
    ofAll,
    of: async (course) => (await ofAll([course]))[0] as History,
    ended({ scope, key }) {
      const [oldest] = endedHere
      if (endedHere.size >= MOST_REMEMBERED && oldest !== undefined) endedHere.delete(oldest)
      endedHere.add(operationId(scope, key))
    },
  }
}

/** A release takes back its own attempt, so any attempt left over has vanished. */
function ended(record: ObservedRecord | undefined): boolean {
  return record === undefined || (record.state === 'idle' && record.attempt === 0)
}
