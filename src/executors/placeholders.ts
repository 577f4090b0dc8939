/** A statement around its values: `parts` has one more element than `values`. */
export interface CutStatement {
  readonly parts: readonly string[]
  readonly values: readonly unknown[]
}

/** Where a dollar or a question mark is only text: strings, quoted names, comments, dollar quotes. */
const TEXT = [
  /\b[eE]'(?:\\[\s\S]|''|[^'\\])*'/,
  /'(?:''|[^'])*'/,
  /"(?:""|[^"])*"/,
  /--[^\n]*/,
  /\/\*[\s\S]*?\*\//,
  /(?<![\w$])\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?\$\k<tag>\$/,
]

const TOKEN = new RegExp([...TEXT.map(({ source }) => source), /(?<![\w$])\$(?<number>\d+)/.source].join('|'), 'g')

/** Cuts at `$1`, `$2`, …, for libraries that number the values themselves: one that is used twice is given twice. */
export function cutAtPlaceholders(text: string, values: readonly unknown[]): CutStatement {
  const parts: string[] = []
  const used: unknown[] = []
  let from = 0
  for (const { 0: token, index, groups } of text.matchAll(TOKEN)) {
    if (groups?.number === undefined) continue
    parts.push(text.slice(from, index))
    used.push(values[Number(groups.number) - 1])
    from = index + token.length
  }
  return { parts: [...parts, text.slice(from)], values: used }
}

/** Cuts at as many `?` as there are values, as mysql2 does: it does not look whether one is inside a string either. */
export function cutAtQuestionMarks(text: string, values: readonly unknown[]): CutStatement {
  const pieces = text.split('?')
  return { parts: [...pieces.slice(0, values.length), pieces.slice(values.length).join('?')], values }
}
