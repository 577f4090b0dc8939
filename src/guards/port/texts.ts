import { POSTGRES_TEXTS } from '../../core/placeholders.ts'
import type { Dialect } from './tx.ts'

/** Where no word is a word of SQL: in texts, quoted names and comments. */
const TEXTS: Readonly<Record<Dialect, RegExp>> = {
  postgres: POSTGRES_TEXTS,
  sqlite: /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\//g,
  mysql: /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`[^`]*`|#[^\n]*|--\s[^\n]*|\/\*[\s\S]*?\*\//g,
}

/** The statement with a blank in the place of each text, quoted name and comment. */
export function withoutTexts(dialect: Dialect, sql: string): string {
  return sql.replace(TEXTS[dialect], ' ')
}

/** Whether the statement answers rows. After a dot even a reserved word is the name of a column. */
export function hasReturning(dialect: Dialect, sql: string): boolean {
  return /(?<!\.\s*)\breturning\b/i.test(withoutTexts(dialect, sql))
}
