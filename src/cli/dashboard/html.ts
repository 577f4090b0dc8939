import { printable, printableLines } from '../text.ts'

/** Markup that may be sent as it is. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

export type Content = Html | string | number | undefined | false | readonly Content[]

/** Markup in which every text that is put in was escaped; `undefined` and `false` are nothing. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(
    parts.map((part, index) => part + (index < contents.length ? markupOf(contents[index]) : '')).join(''),
  )
}

function markupOf(content: Content): string {
  if (content === undefined || content === false) return ''
  if (content instanceof Html) return content.markup
  if (typeof content === 'object') return content.map(markupOf).join('')
  return escaped(String(content))
}

/** Text of a store, on one line, without characters that disguise it. */
export const stored = (text: string): string => withBlanks(printable(text))

/** Escapes the blanks that a browser drops or runs together: two keys may differ by them alone. */
export function withBlanks(text: string): string {
  return text.replace(/^ | $|(?<= ) /g, '\\u0020')
}

/** A text of several lines that may quote what is in a store. */
export const lines = (text: string): string => printableLines(text)

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** A link to another view, relative to wherever the dashboard is mounted. */
export function linkTo(view: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const params = new URLSearchParams({ view })
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') params.set(name, value)
  return `?${params}`
}
