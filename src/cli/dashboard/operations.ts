import type { ObservedRecord } from '../../core/record.ts'
import type { ListQuery } from '../../core/store.ts'
import { stateOf } from '../record.ts'
import { type ShownState, STATES } from '../states.ts'
import type { StoreAtHand } from '../store.ts'
import { duration } from '../time.ts'
import { type Html, html, linkTo, stored } from './html.ts'
import { type Page, told } from './page.ts'

const ROWS = 50
/** A store finds by state and scope only. For a key so many records are looked at, then somebody has to go on. */
const LOOKED_AT = 10_000
const REFRESH_S = 5

export async function operationsPage(store: StoreAtHand, query: URLSearchParams): Promise<Page> {
  const state = STATES.find((name) => name === query.get('state'))
  const [scope, key] = [query.get('scope') ?? '', query.get('key') ?? '']
  const after = /^[0-9a-f]{32}$/.exec(query.get('after') ?? '')?.[0]
  const refresh = query.get('refresh') === null ? undefined : REFRESH_S
  const asked: ListQuery = {
    limit: key === '' ? ROWS : LOOKED_AT,
    ...(state === undefined ? {} : { state }),
    ...(scope === '' ? {} : { scope }),
    ...(after === undefined ? {} : { after }),
  }
  const { items, next } = await store.list(asked)
  const found = key === '' ? items : items.filter((record) => record.key === key).slice(0, ROWS)
  const here = { state, scope, key, after, refresh: refresh === undefined ? undefined : '' }
  const more = next !== undefined && html`<a href="${linkTo('operations', { ...here, after: next })}">next</a> · `
  const looked = key !== '' && next !== undefined && `looked at ${items.length} operations; `
  return {
    view: 'operations',
    title: 'Operations',
    refresh,
    main: html`<h1>Operations</h1>
${filter(state, scope, key)}
${found.length === 0 ? told(nothing(key, next !== undefined)) : tableOf(found)}
<p class="more">${looked}${more}
${refreshing(here, refresh)}</p>`,
  }
}

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

function tableOf(records: readonly ObservedRecord[]): Html {
  const rows = records.map((record) => {
    const { id, key, scope, attempt, readAt, createdAt } = record
    const state = stateOf(record)
    const name = key === undefined ? html`<span class="id">${id}</span>` : stored(key)
    return html`<tr><td><span class="state ${state}">${state}</span></td>
<td><a href="${linkTo('operation', { id })}">${name}</a></td><td>${scope === undefined ? '(hashed)' : stored(scope)}</td>
<td class="number">${attempt}</td><td class="number">${duration(readAt - createdAt)}</td></tr>
`
  })
  return html`<div class="scroll"><table><thead><tr><th>State</th><th>Key</th><th>Scope</th><th class="number">Attempt</th><th class="number">Age</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
}
