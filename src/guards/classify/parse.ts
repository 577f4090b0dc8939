import { OnlyonceError } from '../../core/errors.ts'
import type { Dialect } from '../port/tx.ts'
import type { Node } from './node.ts'

interface Parser {
  astify(sql: string, options: { readonly database: string }): Node | readonly Node[]
}

/** The parser's names of the dialects. It has a file for each; one for all takes four times as long to load. */
const FILES: Readonly<Record<Dialect, string>> = { postgres: 'postgresql', mysql: 'mysql', sqlite: 'sqlite' }
const PARSERS = new Map<Dialect, Promise<Parser>>()

/** @throws OnlyonceError OPTION_INVALID when the parser is not installed */
function parserOf(dialect: Dialect): Promise<Parser> {
  const known = PARSERS.get(dialect)
  if (known !== undefined) return known
  const loading = load(FILES[dialect])
  PARSERS.set(dialect, loading)
  return loading
}

async function load(file: string): Promise<Parser> {
  try {
    // A variable specifier, so that bundlers and the compiler do not require a package that is not installed.
    const name = `node-sql-parser/build/${file}.js`
    const { default: module } = (await import(name)) as { default: { Parser: new () => Parser } }
    return new module.Parser()
  } catch (error) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      'classify needs the package node-sql-parser, which cannot be loaded: npm install node-sql-parser',
      { cause: error },
    )
  }
}

export interface Parsed {
  readonly statements: readonly Node[]
  /** The grammar with which the statements were parsed. */
  readonly grammar: Dialect
}

/** Parses the statements of a text; undefined when the parser cannot. */
export async function parse(sql: string, dialect: Dialect): Promise<Parsed | undefined> {
  const read = await attempt(sql, dialect)
  if (read !== undefined || dialect !== 'sqlite' || !/\bon\s+conflict\b/i.test(sql))
    return read && { statements: read, grammar: dialect }
  // SQLite has this clause from PostgreSQL, but the parser's SQLite grammar lacks it.
  const statements = await attempt(numbered(sql), 'postgres')
  return statements && { statements, grammar: 'postgres' }
}

async function attempt(sql: string, dialect: Dialect): Promise<readonly Node[] | undefined> {
  const parser = await parserOf(dialect)
  try {
    const read = parser.astify(sql, { database: FILES[dialect] })
    const statements = (Array.isArray(read) ? read : [read]) as readonly Node[]
    return statements.length > 0 && statements.every(Boolean) ? statements : undefined
  } catch {
    return undefined
  }
}

const QUOTED_OR_MARK = /'(?:''|[^'])*'|"(?:""|[^"])*"|--[^\n]*|\/\*[\s\S]*?\*\/|\?\d*/g

/** Replaces each `?` by a different `$n`, since PostgreSQL has no `?`: whether two have the same value is unknown. */
function numbered(sql: string): string {
  let last = 0
  return sql.replace(QUOTED_OR_MARK, (found) => (found.startsWith('?') ? `$${100 + ++last}` : found))
}
