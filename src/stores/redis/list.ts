import { OnlyonceError } from '../../core/errors.ts'
import { isAbandoned } from '../../core/lifecycle.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import type { ListQuery, Page } from '../../core/store.ts'
import { idIn } from './keys.ts'
import type { RedisPort } from './port.ts'

/** Keys that Redis scans per step, and records that are read at once. */
const STEP = 1_000
const READ = 500

type Find = (ids: readonly OperationId[]) => Promise<readonly (ObservedRecord | undefined)[]>

/**
 * Returns a page of records in the order of their ids. SCAN has no order and may return a key twice, so each page walks
 * over all keys and keeps the smallest matching ids above `after`. Once the page is full, only ids below its last one
 * are read.
 */
export async function list(
  port: RedisPort,
  pattern: string,
  query: ListQuery,
  find: Find,
): Promise<Page<ObservedRecord>> {
  /** Up to one more than the page, which tells whether there is a next page. */
  let kept = new Map<OperationId, ObservedRecord | OnlyonceError>()
  let last: OperationId | undefined
  const unread = new Set<OperationId>()

  async function readThem(): Promise<void> {
    const ids = [...unread]
    unread.clear()
    const records = await found(find, ids)
    for (const [nth, id] of ids.entries()) {
      const record = records[nth]
      if (record !== undefined && (OnlyonceError.is(record) || matches(record, query))) kept.set(id, record)
    }
    if (kept.size <= query.limit) return
    kept = new Map([...kept].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, query.limit + 1))
    last = [...kept.keys()].at(-1)
  }

  for await (const id of idsOf(port, pattern)) {
    if (id <= (query.after ?? '') || (last !== undefined && id >= last) || kept.has(id)) continue
    unread.add(id)
    if (unread.size === READ) await readThem()
  }
  await readThem()
  return pageOf(kept, query.limit)
}

/** Yields each id at least once. */
async function* idsOf(port: RedisPort, pattern: string): AsyncGenerator<OperationId> {
  for (const node of await port.nodes()) {
    let cursor = '0'
    do {
      const words = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(STEP)]
      const [next, keys] = (await node.send(words)) as [unknown, readonly unknown[]]
      for (const key of keys) {
        const id = idIn(String(key))
        if (id !== undefined) yield id
      }
      cursor = String(next)
    } while (cursor !== '0')
  }
}

/** Reads records one by one if one of them cannot be read, so that its error affects only the page it is on. */
async function found(
  find: Find,
  ids: readonly OperationId[],
): Promise<readonly (ObservedRecord | OnlyonceError | undefined)[]> {
  if (ids.length === 0) return []
  try {
    return await find(ids)
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code !== 'OUTCOME_UNKNOWN') throw error
    if (ids.length === 1) return [error]
    const records: (ObservedRecord | OnlyonceError | undefined)[] = []
    for (const id of ids) records.push(...(await found(find, [id])))
    return records
  }
}

function pageOf(kept: ReadonlyMap<OperationId, ObservedRecord | OnlyonceError>, limit: number): Page<ObservedRecord> {
  const items: ObservedRecord[] = []
  for (const id of [...kept.keys()].sort().slice(0, limit)) {
    const record = kept.get(id)
    if (OnlyonceError.is(record)) throw record
    if (record !== undefined) items.push(record)
  }
  const next = kept.size > limit ? items.at(-1)?.id : undefined
  return { items, ...(next === undefined ? {} : { next }) }
}

function matches(record: ObservedRecord, { state, scope }: ListQuery): boolean {
  if (scope !== undefined && record.scope !== scope) return false
  if (state === undefined) return true
  if (state === 'abandoned') return isAbandoned(record, record.readAt)
  if (state === 'unknown') return record.result?.kind === 'unknown'
  return record.state === state
}
