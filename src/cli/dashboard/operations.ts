import { operationId } from '../../core/key.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import { type Looking, partsOf } from '../listing.ts'
import { stateOf } from '../record.ts'
import { type ShownState, STATES } from '../states.ts'
import type { StoreAtHand } from '../store.ts'
import { duration } from '../time.ts'
import { findOne } from './acts.ts'
import { type Html, html, lines, linkTo, stored } from './html.ts'
import { type Page, told } from './page.ts'

const ROWS = 50
/** For a key without its scope so many records are looked at, then somebody has to go on. */
const LOOKED_AT = 10_000
const REFRESH_S = 5

export async function operationsPage(store: StoreAtHand, query: URLSearchParams): Promise<Page> {
  const state = STATES.find((name) => name === query.get('state'))
  const [scope, key] = [query.get('scope') ?? '', query.get('key') ?? '']
  const after = /^[0-9a-f]{32}$/.exec(query.get('after') ?? '')?.[0]
  const refresh = query.get('refresh') === null ? undefined : REFRESH_S
  const { found, unread, looked, next } = await foundIn(store, { state, scope: given(scope), key: given(key), after })
  const here = { state, scope, key, after, refresh: refresh === undefined ? undefined : '' }
  const more = next !== undefined && html`<a href="${linkTo('operations', { ...here, after: next })}">next</a> · `
  const sofar = key !== '' && next !== undefined && `looked at ${looked} operations; `
  return {
    view: 'operations',
    title: 'Operations',
    refresh,
    main: html`<h1>Operations</h1>
${filter(state, scope, key)}
${unread ?? (found.length === 0 ? told(nothing(key, next !== undefined)) : tableOf(found, scope !== '' && key !== ''))}
<p class="more">${sofar}${more}
${refreshing(here, refresh)}</p>`,
  }
}

interface Looked {
  readonly found: readonly ObservedRecord[]
  /** In place of one that cannot be read. */
  readonly unread?: Html
  readonly looked: number
  readonly next: string | undefined
}

async function foundIn(store: StoreAtHand, looking: Omit<Looking, 'limit'>): Promise<Looked> {
  const { scope, key, state } = looking
  if (scope !== undefined && key !== undefined) {
    const one = { looked: 1, next: undefined }
    const id = operationId(scope, key)
    const found = await findOne(store, { id, scope, key })
    if (found !== undefined && 'unreadable' in found) return { ...one, found: [], unread: unreadable(id, found) }
    const isAsked = found !== undefined && (state === undefined || stateOf(found) === state)
    return { ...one, found: isAsked ? [found] : [] }
  }
  const found: ObservedRecord[] = []
  let [looked, next]: [number, string | undefined] = [0, undefined]
  for await (const part of partsOf(store, { ...looking, limit: ROWS })) {
    found.push(...part.items)
    looked += part.looked
    next = part.next
    if (looked >= LOOKED_AT) break
  }
  return { found, looked, next }
}

const unreadable = (id: OperationId, { unreadable }: { readonly unreadable: string }) =>
  html`${told(lines(unreadable), true)}<p><a href="${linkTo('operation', { id })}">look at it</a></p>`

const given = (text: string) => (text === '' ? undefined : text)

function nothing(key: string, isMore: boolean): string {
  if (key !== '' && isMore) return 'No operation with this key so far: go on with "next".'
  return 'No operation matches. Those of an HTTP or RPC guard have longer scopes than their engine.'
}

function refreshing(here: Readonly<Record<string, string | undefined>>, refresh: number | undefined): Html {
  const { refresh: _, ...without } = here
  if (refresh !== undefined)
    return html`asked again every ${REFRESH_S} s, <a href="${linkTo('operations', without)}">stop</a>`
  return html`<a href="${linkTo('operations', without)}&amp;refresh">ask again every ${REFRESH_S} s</a>`
}

function filter(state: ShownState | undefined, scope: string, key: string): Html {
  const options = STATES.map((name) => html`<option${name === state && html` selected`}>${name}</option>`)
  return html`<form class="filter" method="get"><input type="hidden" name="view" value="operations">
<label>State<select name="state"><option value="">any</option>${options}</select></label>
<label>Scope<input name="scope" value="${scope}" size="30"></label>
<label>Key<input name="key" value="${key}" size="30"></label>
<button>Find</button></form>`
}

/** `areNamed`: a page of a hashed record knows its names only from its address. */
function tableOf(records: readonly ObservedRecord[], areNamed: boolean): Html {
  const rows = records.map((record) => {
    const { id, key, scope, attempt, readAt, createdAt } = record
    const state = stateOf(record)
    const name = key === undefined ? html`<span class="id">${id}</span>` : stored(key)
    return html`<tr><td><span class="state ${state}">${state}</span></td>
<td><a href="${linkTo('operation', areNamed ? { scope, key, id } : { id })}">${name}</a></td><td>${scope === undefined ? '(hashed)' : stored(scope)}</td>
<td class="number">${attempt}</td><td class="number">${duration(readAt - createdAt)}</td></tr>
`
  })
  return html`<div class="scroll"><table><thead><tr><th>State</th><th>Key</th><th>Scope</th><th class="number">Attempt</th><th class="number">Age</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
}
