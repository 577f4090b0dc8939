import { checksOf } from '../checks.ts'
import type { StoreAtHand } from '../store.ts'
import { html, lines, linkTo } from './html.ts'
import type { Page } from './page.ts'

/** What `onlyonce doctor` says. `storeFlag`: what its commands need to find the store. */
export async function healthPage(store: StoreAtHand, storeFlag: string): Promise<Page> {
  const checks = await checksOf(store, storeFlag)
  const failed = checks.filter(({ status }) => status === 'failed').length
  const view = { abandoned: 'abandoned', unknown: 'unknown' } as Readonly<Record<string, string>>
  const rows = checks.map(({ name, status, detail, fix }) => {
    const state = view[name]
    const look =
      status === 'failed' && state !== undefined && html` <a href="${linkTo('operations', { state })}">show them</a>`
    return html`<tr><td><span class="state ${status}">${status}</span></td><th>${name}</th>
<td>${lines(detail)}${look}${fix !== undefined && html`<br><span class="dim">run:</span> <code>${fix}</code>`}</td></tr>`
  })
  return {
    view: 'health',
    title: 'Health',
    main: html`<h1>${failed === 0 ? 'Nothing needs you' : `${failed} of ${checks.length} checks need you`}</h1>
<table><tbody>${rows}</tbody></table>`,
  }
}
