import type { ObservedRecord } from '../core/record.ts'
import type { ShownState } from './states.ts'
import type { StoreAtHand } from './store.ts'

export interface Looking {
  readonly state?: ShownState | undefined
  readonly scope?: string | undefined
  readonly scopePrefix?: string | undefined
  readonly key?: string | undefined
  /** The cursor of an earlier page. */
  readonly after?: string | undefined
  /** At most this many in all. */
  readonly limit: number
}

export interface Part {
  readonly items: readonly ObservedRecord[]
  /** How many records were read for it. */
  readonly looked: number
  /** Where to go on; `undefined` at the end. */
  readonly next: string | undefined
}

/** Records per call. Larger for stores that expire records by themselves: there each page is a walk over all keys. */
const PAGE = 200
const PAGE_OF_A_WALK = 10_000

/** A store finds by state and scope only; the rest is looked for here, page by page. Hashed records match nothing. */
export async function* partsOf(store: StoreAtHand, looking: Looking): AsyncGenerator<Part> {
  const { state, scope, scopePrefix, key, limit } = looking
  const isFiltered = scopePrefix !== undefined || key !== undefined
  const most = store.traits.selfExpiring ? PAGE_OF_A_WALK : PAGE
  let { after } = looking
  let left = limit
  do {
    const page = await store.list({
      limit: isFiltered ? most : Math.min(most, left),
      ...(state === undefined ? {} : { state }),
      ...(scope === undefined ? {} : { scope }),
      ...(after === undefined ? {} : { after }),
    })
    const found = isFiltered ? page.items.filter((record) => matches(record, looking)) : page.items
    const items = found.slice(0, left)
    left -= items.length
    // Every cursor is the id of a record, so a page can be left anywhere.
    after = items.length < found.length ? items.at(-1)?.id : page.next
    yield { items, looked: page.items.length, next: after }
  } while (after !== undefined && left > 0)
}

function matches(record: ObservedRecord, { scopePrefix, key }: Looking): boolean {
  return (
    (scopePrefix === undefined || record.scope?.startsWith(scopePrefix) === true) &&
    (key === undefined || record.key === key)
  )
}
