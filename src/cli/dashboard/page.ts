import { Html, html, lines, linkTo, stored } from './html.ts'
import { STYLE } from './style.ts'

/** What every page says of where one is. */
export interface Place {
  readonly storeName: string
  readonly label: string | undefined
  readonly isWritable: boolean
  readonly hasOutbox: boolean
}

export interface Page {
  readonly status?: number
  readonly view: string
  readonly title: string
  readonly main: Html
  /** Seconds after which the browser asks again. */
  readonly refresh?: number | undefined
}

const VIEWS = { health: 'Health', operations: 'Operations', outbox: 'Outbox' } as const

export function documentOf(
  { storeName, label, isWritable, hasOutbox }: Place,
  { view, title, main, refresh }: Page,
): string {
  const where = label === undefined ? storeName : `${storeName} · ${stored(label)}`
  const current = (name: string) => (name === view ? html` aria-current="page"` : '')
  const links = Object.entries(VIEWS).filter(([name]) => name !== 'outbox' || hasOutbox)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="same-origin">
${refresh !== undefined && html`<meta http-equiv="refresh" content="${refresh}">`}
<title>${title} – onlyonce ${where}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<b>onlyonce</b><span class="place">${where}</span>
<nav>${storeName !== '' && links.map(([name, text]) => html`<a href="${linkTo(name)}"${current(name)}>${text}</a>`)}</nav>
<span class="mode">${storeName === '' ? '' : isWritable ? 'changes are allowed' : 'read only'}</span>
</header>
<main>
${main}
</main>
</body>
</html>
`
  return page.markup
}

/** A message about what was done, or why not. */
export function told(text: string, isBad = false): Html {
  return html`<p class="told${isBad && ' bad'}" role="status">${text}</p>`
}

/** A page that says why something was not done. */
export const message = (text: string): Page => ({ view: '', title: 'Not done', main: told(lines(text), true) })
