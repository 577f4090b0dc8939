import { operationId, RESERVED_SCOPE_MARK, resolveKey } from '../core/key.ts'
import type { ObservedRecord, OperationId } from '../core/record.ts'
import type { Course, Named } from './course.ts'
import type { Records } from './records.ts'

/**
 * What is known of the starts before this delivery.
 * - `done`: there is a result; nothing will start
 * - `none`: the store knows of none, and a further delivery will be known as one: this is the first, for all that matters
 * - `orderly`: there was none, or each one ended, well or badly
 * - `unfinished`: one began and nobody saw it end: it is still running, or its process died
 */
export type History = 'done' | 'none' | 'orderly' | 'unfinished'

export interface Histories {
  /** @throws OnlyonceError KEY_MISSING, KEY_INVALID, STORE_UNAVAILABLE */
  of(course: Course): Promise<History>
  /** The same for many, asked for together. */
  ofAll(courses: readonly Course[]): Promise<readonly History[]>
  /** A start that no record counts ended here. */
  ended(named: Named): void
}

const MOST_REMEMBERED = 10_000

/** The record that counts the starts of an atomic handler: the lock of the same key. */
export function counterId({ scope, key }: Named): OperationId {
  return operationId(`${RESERVED_SCOPE_MARK}lock:${scope}`, key)
}

/** `countsApart`: starts are counted in a record of their own. */
export function createHistories(records: Records, maxKeyLength: number, countsApart: boolean): Histories {
  /** First deliveries of an atomic handler leave no trace when it fails, and none when the process dies. */
  const endedHere = new Set<OperationId>()

  async function ofAll(courses: readonly Course[]): Promise<readonly History[]> {
    const asked = courses.flatMap(({ delivery, named }) => {
      if (delivery.redelivered === false) return []
      const { id } = resolveKey(named, named.scope, maxKeyLength)
      return countsApart ? [id, counterId(named)] : [id]
    })
    // A store is asked for an id once, however many copies of its message there are.
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

/** A release takes back its own attempt, so what is left over vanished. */
function ended(record: ObservedRecord | undefined): boolean {
  return record === undefined || (record.state === 'idle' && record.attempt === 0)
}
