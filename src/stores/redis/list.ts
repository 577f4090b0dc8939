import { isAbandoned } from '../../core/lifecycle.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import type { ListQuery, Page } from '../../core/store.ts'
import { idIn } from './keys.ts'
import type { RedisPort } from './port.ts'

/** How many keys Redis looks at in one step, and how many records are read at once. */
const STEP = 1_000
const READ = 500
/** The most ids that are remembered in one walk. */
const CANDIDATES = 100_000

type Find = (ids: readonly OperationId[]) => Promise<readonly (ObservedRecord | undefined)[]>

/**
 * A page of records in the order of their ids. Redis has no order and SCAN may give a key twice, so each page is a walk
 * over all keys that keeps the smallest ids above `after`; a filter that finds few of them costs another walk.
 */
export async function list(
  port: RedisPort,
  pattern: string,
  query: ListQuery,
  find: Find,
): Promise<Page<ObservedRecord>> {
  const items: ObservedRecord[] = []
  for (let after = query.after ?? ''; ; ) {
    const ids = await smallestAbove(port, pattern, after)
    for (let first = 0; first < ids.length; first += READ) {
      for (const record of await find(ids.slice(first, first + READ))) {
        if (record === undefined || !matches(record, query)) continue
        const last = items.at(-1)
        if (items.length === query.limit && last !== undefined) return { items, next: last.id }
        items.push(record)
      }
    }
    if (ids.length < CANDIDATES) return { items }
    after = ids.at(-1) as OperationId
  }
}

/** At most `CANDIDATES` ids, in order, each once. */
async function smallestAbove(port: RedisPort, pattern: string, after: string): Promise<OperationId[]> {
  let found = new Set<OperationId>()
  const smallest = () => [...found].sort().slice(0, CANDIDATES)
  for (const node of await port.nodes()) {
    let cursor = '0'
    do {
      const words = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(STEP)]
      const [next, keys] = (await node.send(words)) as [unknown, readonly unknown[]]
      for (const key of keys) {
        const id = idIn(String(key))
        if (id !== undefined && id > after) found.add(id)
      }
      if (found.size > 2 * CANDIDATES) found = new Set(smallest())
      cursor = String(next)
    } while (cursor !== '0')
  }
  return smallest()
}

function matches(record: ObservedRecord, { state, scope }: ListQuery): boolean {
  if (scope !== undefined && record.scope !== scope) return false
  if (state === undefined) return true
  if (state === 'abandoned') return isAbandoned(record, record.readAt)
  if (state === 'unknown') return record.result?.kind === 'unknown'
  return record.state === state
}
