import type { Dialect } from '../port/tx.ts'

/** Texts, quoted names and comments as MySQL takes them; the group is what it does not take for a comment. */
const MYSQL =
  /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`[^`]*`|#[^\n]*|--(?=\s|$)[^\n]*|\/\*(?!M?!)[\s\S]*?\*\/|(\/\*M?!|--)/g
/** The same in the others; the group is what begins a comment for the parser alone. */
const STANDARD = /'[^']*'|"[^"]*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|(#)/g

/** What this database reads in another way than the parser: something would be hidden in a text or a comment. */
export function misread(sql: string, dialect: Dialect): string | undefined {
  if (dialect === 'mysql') {
    const [first] = groups(sql, MYSQL)
    if (first === undefined) return undefined
    return first === '--'
      ? '`--` without a blank begins no comment in MySQL'
      : 'a comment that MySQL executes is not covered by the rules'
  }
  if (/\\['"]/.test(sql)) return `a backslash before a quote is read in more than one way, and not as in MySQL`
  if (dialect === 'sqlite' && groups(sql, STANDARD).length > 0) return '`#` begins no comment in SQLite'
  return undefined
}

function groups(sql: string, pattern: RegExp): readonly string[] {
  return [...sql.matchAll(pattern)].flatMap(([, found]) => (found === undefined ? [] : [found]))
}
