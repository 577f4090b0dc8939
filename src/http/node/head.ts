import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { HeaderField } from '../call.ts'

/** Headers passed to `writeHead`. Node does not return them from `getHeader` unless others were set before. */
export type HeadWords = OutgoingHttpHeaders | readonly unknown[]

/** `writeHead(status[, reason][, headers])` */
export function headWords([, second, third]: readonly unknown[]): HeadWords | undefined {
  const given = typeof second === 'object' && second !== null ? second : third
  return typeof given === 'object' && given !== null ? (given as HeadWords) : undefined
}

/** Returns the fields named in `wanted`, each with all of its values. */
export function headersFrom(
  res: ServerResponse,
  head: HeadWords | undefined,
  wanted: ReadonlySet<string>,
): HeaderField[] {
  const fields: HeaderField[] = []
  const atHead = head === undefined ? NONE : fieldsOf(head, wanted)
  for (const name of wanted) {
    const values = atHead.get(name) ?? valuesOf(res.getHeader(name))
    for (const value of values) fields.push([name, value])
  }
  return fields
}

/** Saves the current headers. Returns a function that restores them. */
export function rememberHeaders(res: ServerResponse): () => void {
  const before = res.getHeaders()
  // Copied, because Node appends to a list in place.
  for (const name in before) if (Array.isArray(before[name])) before[name] = [...before[name]]
  return () => {
    for (const name of res.getHeaderNames()) if (!(name in before)) res.removeHeader(name)
    for (const [name, value] of Object.entries(before)) {
      if (value !== undefined && res.getHeader(name) !== value) res.setHeader(name, value)
    }
  }
}

const NONE: ReadonlyMap<string, readonly string[]> = new Map()

/** Reads an object or a list: `[name, value, name, value]` or `[[name, value], …]`. */
function fieldsOf(head: HeadWords, wanted: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>()
  const take = (field: unknown, value: unknown) => {
    const name = String(field).toLowerCase()
    if (!wanted.has(name)) return
    const values = valuesOf(value)
    const before = fields.get(name)
    if (before !== undefined) before.push(...values)
    else if (values.length > 0) fields.set(name, values)
  }
  if (!Array.isArray(head)) for (const [name, value] of Object.entries(head)) take(name, value)
  else if (Array.isArray(head[0])) for (const [name, value] of head as readonly unknown[][]) take(name, value)
  else for (let at = 0; at + 1 < head.length; at += 2) take(head[at], head[at + 1])
  return fields
}

function valuesOf(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value.map(String) : [String(value)]
}
