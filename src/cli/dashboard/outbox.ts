import { outboxOf } from '../outbox.ts'
import type { StoreAtHand } from '../store.ts'
import { counted } from '../text.ts'
import { duration } from '../time.ts'
import { html, lines, linkTo, stored } from './html.ts'
import { type Page, told } from './page.ts'

const ROWS = 50

/** How many messages wait, and the parked ones, without their bodies, which may be private. */
export async function outboxPage(store: StoreAtHand, query: URLSearchParams, isWritable: boolean): Promise<Page> {
  const after = Number(/^\d{1,15}$/.exec(query.get('after') ?? '')?.[0] ?? 0)
  const outbox = outboxOf(store)
  const [{ waiting, parked, oldestMs }, entries] = await Promise.all([outbox.stats(), outbox.parked(ROWS, after)])
  const oldest = waiting > 0 && `, the oldest for ${duration(oldestMs)}`
  const rows = entries.map(
    ({ position, topic, id, failures, ageMs, reason }) => html`<tr>
<td>${isWritable && html`<input type="checkbox" name="position" value="${position}" aria-label="${position}">`}</td>
<td class="number">${position}</td><td>${stored(topic)}</td><td>${stored(id)}</td><td class="number">${failures}</td>
<td class="number">${duration(ageMs)}</td><td>${lines(reason)}</td></tr>
`,
  )
  const table = html`<div class="scroll"><table>
<thead><tr><th></th><th class="number">Position</th><th>Topic</th><th>Id</th><th class="number">Failures</th><th class="number">Age</th><th>Reason</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
  const last = entries.at(-1)
  return {
    view: 'outbox',
    title: 'Outbox',
    main: html`<h1>${counted(waiting, 'message')} waiting${oldest}; ${parked} parked</h1>
<form method="post" action="${linkTo('outbox')}">
${entries.length === 0 ? told('No message is parked.') : table}
${isWritable && entries.length > 0 && html`<p class="more"><button>Publish the chosen ones again</button></p>`}
</form>
${last !== undefined && entries.length === ROWS && html`<p class="more"><a href="${linkTo('outbox', { after: String(last.position) })}">next</a></p>`}`,
  }
}

/** Returns what was done. */
export async function unparkChosen(store: StoreAtHand, form: URLSearchParams): Promise<string> {
  const chosen = [...new Set(form.getAll('position').filter((position) => /^\d{1,15}$/.test(position)))]
  const unparked = chosen.length === 0 ? 0 : await outboxOf(store).unpark(chosen.map(Number))
  return `${counted(unparked, 'message')} waiting again, of ${chosen.join(', ') || 'none that was chosen'}`
}
