import { POSTGRES_TEXTS } from '../../core/placeholders.ts'
import type { Dialect } from './tx.ts'

/** Parts of a statement without keywords: texts, quoted names and comments. */
const TEXTS: Readonly<Record<Dialect, RegExp>> = {
  postgres: POSTGRES_TEXTS,
  sqlite: /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\//g,
  mysql: /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`[^`]*`|#[^\n]*|--\s[^\n]*|\/\*[\s\S]*?\*\//g,
}

/** Returns the statement with each text, quoted name and comment replaced by a blank. */
export function withoutTexts(dialect: Dialect, sql: string): string {
  return sql.replace(TEXTS[dialect], ' ')
}

/** Whether the statement has RETURNING. After a dot, even a reserved word is a column name. */
export function hasReturning(dialect: Dialect, sql: string): boolean {
  return /(?<!\.\s*)\breturning\b/i.test(withoutTexts(dialect, sql))
}
