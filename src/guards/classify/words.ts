import { isNode, type Node } from './node.ts'

/** Words that need not occur in the parser's syntax tree. */
const GRAMMAR = new Set(
  `select insert update delete replace into values value set where from as and or not in is null on conflict do nothing
  duplicate key returning order by group having limit offset asc desc union all distinct join inner left right full outer
  cross using with case when then else end between like exists true false table create drop index if view truncate
  temporary temp alter add column constraint primary unique references foreign check default cast interval current row
  rows over partition for share begin start transaction commit work read tables show mode lock recursive except
  intersect natural explain`.split(/\s+/),
)

/** Matches strings, quoted names and comments as a whole, and words. */
const TOKEN =
  /'(?:''|\\.|[^'\\])*'|"(?:""|[^"])*"|`[^`]*`|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|[\p{L}_][\p{L}\p{N}_$]*|\d+/gu

/** Returns a word of the text that is nowhere in the syntax tree: the parser has skipped it, and it might matter. */
export function wordLeftOut(sql: string, statements: readonly Node[]): string | undefined {
  const kept = new Set<string>()
  collect(statements, kept)
  for (const [token] of sql.matchAll(TOKEN)) {
    if (/^(['"`#]|--|\/\*)/.test(token)) continue
    if (!GRAMMAR.has(token.toLowerCase()) && !kept.has(token.toLowerCase())) return token
  }
  return undefined
}

function collect(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) collect(one, into)
  else if (isNode(value)) for (const one of Object.values(value)) collect(one, into)
  else if (typeof value === 'string' || typeof value === 'number') {
    for (const [word] of String(value)
      .toLowerCase()
      .matchAll(/[\p{L}_][\p{L}\p{N}_$]*|\d+/gu))
      into.add(word)
  }
}
