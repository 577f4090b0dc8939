/**
 * Returns the fields of one CSV row (RFC 4180), or what is wrong with it. A row is one line: an unclosed quote is an
 * error of this row and never swallows the rows after it.
 */
export function parseCsvRow(text: string): { readonly fields: readonly string[] } | { readonly problem: string } {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (text[at] === '"') {
      const quoted = readQuoted(text, at)
      if ('problem' in quoted) return quoted
      fields.push(quoted.field)
      at = quoted.end
    } else {
      const comma = text.indexOf(',', at)
      const field = text.slice(at, comma < 0 ? text.length : comma)
      if (field.includes('"')) return { problem: 'a quote stands inside a field that is not quoted' }
      fields.push(field)
      at += field.length
    }
    if (at >= text.length) return { fields }
    at++ // the comma
  }
}

type Quoted = { readonly field: string; readonly end: number } | { readonly problem: string }

function readQuoted(text: string, open: number): Quoted {
  let field = ''
  let at = open + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return { problem: 'a quote is not closed on its line' }
    field += text.slice(at, quote)
    if (text[quote + 1] === '"') {
      field += '"'
      at = quote + 2
      continue
    }
    const end = quote + 1
    if (end < text.length && text[end] !== ',') return { problem: 'text follows a closing quote' }
    return { field, end }
  }
}
