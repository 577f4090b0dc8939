/** Parts of a PostgreSQL statement without keywords or placeholders: strings, quoted names, comments, dollar quotes. */
const TEXTS = [
  /\b[eE]'(?:\\[\s\S]|''|[^'\\])*'/,
  /'(?:''|[^'])*'/,
  /"(?:""|[^"])*"/,
  /--[^\n]*/,
  /\/\*[\s\S]*?\*\//,
  /(?<![\w$])\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?\$\k<tag>\$/,
]

export const POSTGRES_TEXTS = new RegExp(TEXTS.map(({ source }) => source).join('|'), 'g')
const TOKEN = new RegExp(`${POSTGRES_TEXTS.source}|(?<![\\w$])\\$(?<number>\\d+)`, 'g')

export interface Placeholder {
  /** The `n` of `$n`. */
  readonly number: number
  readonly from: number
  readonly to: number
}

/** Returns every `$1`, `$2`, … of a statement, in textual order. */
export function placeholdersOf(text: string): readonly Placeholder[] {
  return Array.from(text.matchAll(TOKEN), ({ 0: token, index, groups }) => ({
    number: Number(groups?.number),
    from: index,
    to: index + token.length,
  })).filter(({ number }) => !Number.isNaN(number))
}
