import type { ObservedRecord } from '../../core/record.ts'
import { shellWord } from '../../core/shell-word.ts'
import { EXIT } from '../exit.ts'
import { type Colors, colorsOf, type Io, line } from '../io.ts'
import { partsOf } from '../listing.ts'
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

export async function keysLs(io: Io, options: ListOptions): Promise<number> {
  const { scope, scopePrefix, key, json = false } = options
  const isFiltered = scopePrefix !== undefined || key !== undefined
  return withStore(storeUrl(io, options.store), async (store) => {
    const rows: ObservedRecord[] = []
    let after = options.after
    let count = 0
    for await (const { items, next } of partsOf(store, options)) {
      if (json) for (const record of items) line(io.stdout, safeJson(recordJson(record)))
      else rows.push(...items)
      count += items.length
      after = next
    }
    if (!json && count > 0)
      for (const text of table(columns(colorsOf(io, 'stdout')), rows, colorsOf(io, 'stdout').dim)) line(io.stdout, text)
    if (count === 0) line(io.stderr, `No operation matches.${hintFor(scope)}`)
    if (after !== undefined)
      line(io.stderr, `There ${isFiltered ? 'may be' : 'are'} more: add --after ${printable(after)}`)
    return EXIT.ok
  })
}

/** The scope of an engine is the first thing to try, and no operation of its guards has it. */
function hintFor(scope: string | undefined): string {
  if (scope === undefined || scope.startsWith('[')) return ''
  const prefix = shellWord(printableLines(`[${JSON.stringify(scope)},`))
  return ` Those of an HTTP or RPC guard have longer scopes: try --scope-prefix ${prefix}`
}

function columns(colors: Colors) {
  const paint = statePaint(colors)
  return [
    { title: 'STATE', text: stateOf, paint: (text: string, record: ObservedRecord) => paint[stateOf(record)](text) },
    { title: 'ATTEMPT', align: 'right', text: (record: ObservedRecord) => String(record.attempt) },
    { title: 'AGE', align: 'right', text: (record: ObservedRecord) => duration(record.readAt - record.createdAt) },
    { title: 'SCOPE', text: (record: ObservedRecord) => (record.scope === undefined ? '-' : printable(record.scope)) },
    { title: 'ID', text: (record: ObservedRecord) => printable(record.id) },
    { title: 'KEY', text: (record: ObservedRecord) => (record.key === undefined ? '(hashed)' : printable(record.key)) },
  ] as const
}

/** States that need an operator are red or yellow. */
export function statePaint(colors: Colors): Readonly<Record<ShownState, (text: string) => string>> {
  return { idle: colors.dim, running: colors.cyan, done: colors.green, abandoned: colors.yellow, unknown: colors.red }
}
