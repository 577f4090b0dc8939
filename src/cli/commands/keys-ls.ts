import type { ObservedRecord } from '../../core/record.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { ListQuery, Page } from '../../core/store.ts'
import { EXIT } from '../exit.ts'
import { type Colors, colorsOf, type Io, line } from '../io.ts'
import { recordJson, stateOf } from '../record.ts'
import type { ShownState } from '../states.ts'
import { storeUrl, withStore } from '../store.ts'
import { table } from '../table.ts'
import { printable, printableLines, safeJson } from '../text.ts'
import { duration } from '../time.ts'

export interface ListOptions {
  readonly store?: string
  readonly json?: boolean
  readonly state?: ShownState
  readonly scope?: string
  readonly scopePrefix?: string
  readonly key?: string
  readonly limit: number
  readonly after?: string
}

/** Records per call. Larger for stores that expire records by themselves: there each page is a walk over all keys. */
const PAGE = 200
const PAGE_OF_A_WALK = 10_000

export async function keysLs(io: Io, options: ListOptions): Promise<number> {
  const { state, scope, scopePrefix, key, limit, json = false } = options
  const isFiltered = scopePrefix !== undefined || key !== undefined
  return withStore(storeUrl(io, options.store), async (store) => {
    const rows: ObservedRecord[] = []
    let after = options.after
    const most = store.traits.selfExpiring ? PAGE_OF_A_WALK : PAGE
    let count = 0
    do {
      const page: Page<ObservedRecord> = await store.list(
        query({ state, scope, limit: isFiltered ? most : Math.min(most, limit - count), after }),
      )
      const found = isFiltered ? page.items.filter((record) => matches(record, options)) : page.items
      const items = found.slice(0, limit - count)
      if (json) for (const record of items) line(io.stdout, safeJson(recordJson(record)))
      else rows.push(...items)
      count += items.length
      // Every cursor is the id of a record, so a page can be left anywhere.
      after = items.length < found.length ? items.at(-1)?.id : page.next
    } while (after !== undefined && count < limit)
    if (!json && count > 0)
      for (const text of table(columns(colorsOf(io, 'stdout')), rows, colorsOf(io, 'stdout').dim)) line(io.stdout, text)
    if (count === 0) line(io.stderr, `No operation matches.${hintFor(scope)}`)
    if (after !== undefined)
      line(io.stderr, `There ${isFiltered ? 'may be' : 'are'} more: add --after ${printable(after)}`)
    return EXIT.ok
  })
}

/** A store finds by state and scope only; the rest is looked for here, page by page. Hashed records match nothing. */
function matches(record: ObservedRecord, { scopePrefix, key }: ListOptions): boolean {
  return (
    (scopePrefix === undefined || record.scope?.startsWith(scopePrefix) === true) &&
    (key === undefined || record.key === key)
  )
}

/** The scope of an engine is the first thing to try, and no operation of its guards has it. */
function hintFor(scope: string | undefined): string {
  if (scope === undefined || scope.startsWith('[')) return ''
  const prefix = shellWord(printableLines(`[${JSON.stringify(scope)},`))
  return ` Those of an HTTP or RPC guard have longer scopes: try --scope-prefix ${prefix}`
}

type Loose<T> = { readonly [Name in keyof T]: T[Name] | undefined }

function query({ state, scope, limit, after }: Loose<ListQuery> & { readonly limit: number }): ListQuery {
  return {
    limit,
    ...(state === undefined ? {} : { state }),
    ...(scope === undefined ? {} : { scope }),
    ...(after === undefined ? {} : { after }),
  }
}

function columns(colors: Colors) {
  const paint = statePaint(colors)
  return [
    { title: 'STATE', text: stateOf, paint: (text: string, record: ObservedRecord) => paint[stateOf(record)](text) },
    { title: 'ATTEMPT', align: 'right', text: (record: ObservedRecord) => String(record.attempt) },
    { title: 'AGE', align: 'right', text: (record: ObservedRecord) => duration(record.readAt - record.createdAt) },
    { title: 'SCOPE', text: (record: ObservedRecord) => (record.scope === undefined ? '-' : printable(record.scope)) },
    { title: 'ID', text: (record: ObservedRecord) => record.id },
    { title: 'KEY', text: (record: ObservedRecord) => (record.key === undefined ? '(hashed)' : printable(record.key)) },
  ] as const
}

/** States that need an operator are red or yellow. */
export function statePaint(colors: Colors): Readonly<Record<ShownState, (text: string) => string>> {
  return { idle: colors.dim, running: colors.cyan, done: colors.green, abandoned: colors.yellow, unknown: colors.red }
}
