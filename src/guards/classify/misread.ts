import type { Dialect } from '../port/tx.ts'

/** Texts, quoted names and comments by MySQL's rules. The group matches what MySQL does not take for a comment. */
const MYSQL =
  /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`[^`]*`|#[^\n]*|--(?=\s|$)[^\n]*|\/\*(?!M?!)[\s\S]*?\*\/|(\/\*M?!|--)/g
/** The same by the rules of the others. The group matches what begins a comment only for the parser. */
const STANDARD = /'[^']*'|"[^"]*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|(#)/g

/** Returns what this database reads differently from the parser, so that code could hide in a text or comment. */
export function misread(sql: string, dialect: Dialect): string | undefined {
  // As for PostgreSQL, a comment ends there for the parser, and what follows could be the condition that it needs.
  if (dialect !== 'postgres' && [...sql.matchAll(dialect === 'mysql' ? MYSQL : STANDARD)].some(hasReturn))
    return 'a carriage return without a line feed ends a comment in PostgreSQL alone'
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

function hasReturn([found]: RegExpExecArray): boolean {
  return /^(--|#)[^\n]*\r(?!\n|$)/.test(found)
}

function groups(sql: string, pattern: RegExp): readonly string[] {
  return [...sql.matchAll(pattern)].flatMap(([, found]) => (found === undefined ? [] : [found]))
}
