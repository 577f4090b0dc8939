import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { HeaderField } from '../call.ts'

/** Headers as `writeHead` was given them: Node answers nothing of these to `getHeader` when no others were set before. */
export type HeadWords = OutgoingHttpHeaders | readonly unknown[]

/** `writeHead(status[, reason][, headers])` */
export function headWords([, second, third]: readonly unknown[]): HeadWords | undefined {
  const given = typeof second === 'object' && second !== null ? second : third
  return typeof given === 'object' && given !== null ? (given as HeadWords) : undefined
}

/** The fields named in `wanted`, each with all of its values. */
export function headersFrom(
  res: ServerResponse,
  head: HeadWords | undefined,
  wanted: ReadonlySet<string>,
): HeaderField[] {
  const fields: HeaderField[] = []
  const written = head === undefined ? undefined : pairsOf(head)
  for (const name of wanted) {
    const atHead = written?.filter(([one]) => one === name)
    if (atHead !== undefined && atHead.length > 0) fields.push(...atHead)
    else for (const value of valuesOf(res.getHeader(name))) fields.push([name, value])
  }
  return fields
}

/** An object, or a list: `[name, value, name, value]` or `[[name, value], …]`. */
function pairsOf(head: HeadWords): HeaderField[] {
  const entries: (readonly unknown[])[] = []
  if (!Array.isArray(head)) entries.push(...Object.entries(head))
  else if (Array.isArray(head[0])) entries.push(...(head as readonly unknown[][]))
  else for (let at = 0; at + 1 < head.length; at += 2) entries.push([head[at], head[at + 1]])
  return entries.flatMap(([name, value]) =>
    valuesOf(value).map((one): HeaderField => [String(name).toLowerCase(), one]),
  )
}

function valuesOf(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value.map(String) : [String(value)]
}
