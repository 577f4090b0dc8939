import type { ObservedRecord } from '../../core/record.ts'
import { factsOf } from '../commands/keys-get.ts'
import { resultOf, stateOf } from '../record.ts'
import type { StoreAtHand } from '../store.ts'
import type { Target } from '../target.ts'
import { counted } from '../text.ts'
import { shownValue } from '../value.ts'
import { ACTS, type ActName, actOf, type Found, findOne, nameOf, seenOf, warningsOf } from './acts.ts'
import { type Html, html, lines, linkTo, stored, withBlanks } from './html.ts'
import { type Page, told } from './page.ts'

export interface OperationView {
  readonly target: Target
  /** Values may be private, so they are shown on request only. */
  readonly isResultShown: boolean
  readonly isWritable: boolean
  readonly storeUrl: string
}

export async function operationPage(store: StoreAtHand, view: OperationView): Promise<Page> {
  const { id } = view.target
  const found = await findOne(store, view.target)
  const base = { view: 'operations', title: 'Operation' }
  if (found === undefined) {
    const text = 'There is no record of this operation: it was never claimed, was forgotten, or its retention is over.'
    return { ...base, status: 404, main: html`<h1>Operation <code>${id}</code></h1>${told(text, true)}` }
  }
  const what =
    'unreadable' in found
      ? html`<h1>Operation <code>${id}</code></h1>${told(lines(found.unreadable), true)}`
      : readable(found, view)
  return { ...base, main: html`${what}${view.isWritable && changes(found, view)}` }
}

function readable(record: ObservedRecord, { target, isResultShown }: OperationView): Html {
  const state = stateOf(record)
  const rows = factsOf(record).map(
    ([name, text]) => html`<tr><th>${name}</th><td>${withBlanks(text)}</td></tr>
`,
  )
  return html`<h1>${record.key === undefined ? record.id : stored(record.key)} <span class="state ${state}">${state}</span></h1>
<table><tbody>${rows}
<tr><th>result</th><td>${resultCell(record, target, isResultShown)}</td></tr></tbody></table>`
}

function resultCell(record: ObservedRecord, target: Target, isShown: boolean): Html {
  const { result } = record
  const read = resultOf(record)
  if (result === undefined) return html`–`
  const size = `${result.kind}, ${counted(result.body.length, 'byte')}`
  if (read.kind === 'none') return html`waits for a decision`
  if (read.kind === 'unreadable') return html`${size}, cannot be read: ${lines(read.reason)}`
  if (!isShown) return html`${size} · <a href="${linkTo('operation', { ...target, result: 'shown' })}">show it</a>`
  return html`${size}<pre>${shownValue(read.kind === 'value' ? read.value : read.error)}</pre>`
}

const TITLES: Readonly<Record<ActName, string>> = {
  happened: 'It happened',
  'did-not-happen': 'It did not happen',
  release: 'Release the claim',
  forget: 'Forget it',
}

function changes(found: NonNullable<Found>, view: OperationView): Html {
  const offers = ACTS.map((name) => {
    const warnings = warningsOf(actOf(name, view.storeUrl), found)
    return warnings && offer(name, warnings, found, view)
  })
  return html`<h2>Decide</h2>
${offers}`
}

function offer(name: ActName, warnings: readonly string[], found: NonNullable<Found>, { target }: OperationView): Html {
  const word = nameOf(found, target)
  return html`<details><summary>${TITLES[name]}</summary>
<form method="post" action="${linkTo('operation', { ...target })}">
<input type="hidden" name="act" value="${name}"><input type="hidden" name="seen" value="${seenOf(found)}">
<p>${warnings.join(' ')}</p>
${name === 'happened' && html`<label>What duplicates are answered, as JSON (may be left empty)<textarea name="value" rows="3" cols="80"></textarea></label>`}
${name === 'forget' && html`<label><span>Type <b>${word}</b> to go on</span><input name="confirm" autocomplete="off" required size="40"></label>`}
<button class="risky">${TITLES[name]}</button></form></details>
`
}
