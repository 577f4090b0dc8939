import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { Dialect } from '../port/tx.ts'
import { classifyInsert } from './insert.ts'
import { misread } from './misread.ts'
import { isNode, type Node } from './node.ts'
import { type Parsed, parse } from './parse.ts'
import { classifyDelete } from './remove.ts'
import { classifyAlter, classifyCreate, classifyDrop } from './schema.ts'
import { classifySelect } from './select.ts'
import { together } from './sequence.ts'
import { classifyUpdate } from './update.ts'
import { type Classification, depends, GUARDS, idempotent, NotCovered, unknown } from './verdict.ts'
import { wordLeftOut } from './words.ts'

/** Options of `classify`; any other name is OPTION_INVALID. */
export interface ClassifyOptions {
  /** Default: judged for all three; the verdict is `unknown` if they differ. */
  readonly dialect?: Dialect
}

const DIALECTS: readonly Dialect[] = ['postgres', 'mysql', 'sqlite']

/**
 * Classifies whether running this SQL twice in a row, with the same parameters and no other writes in between, leaves
 * the database as running it once does. Triggers and column types are not in the text and are not considered. What the
 * parser cannot read, or no rule covers, is `unknown`: nothing is guessed.
 * @throws OnlyonceError OPTION_INVALID for another dialect, and where the package node-sql-parser is not installed
 */
export async function classify(sql: string, options: ClassifyOptions = {}): Promise<Classification> {
  refuseUnknown(options, ['dialect'])
  const { dialect } = Object(options) as ClassifyOptions
  if (typeof sql !== 'string') throw invalidOption('sql', 'must be a text', sql)
  if (dialect !== undefined && !DIALECTS.includes(dialect)) {
    throw invalidOption('dialect', `must be one of ${DIALECTS.join(', ')}`, dialect)
  }
  if (dialect !== undefined) {
    return (
      (await classifyIn(sql, dialect)) ?? unknown(`the parser cannot read it as one or more statements of ${dialect}`)
    )
  }
  const all = await Promise.all(DIALECTS.map((one) => classifyIn(sql, one)))
  const readable = all.filter((one) => one !== undefined)
  const [first] = readable
  if (first === undefined) return unknown('the parser cannot read it as SQL of PostgreSQL, MySQL or SQLite')
  if (readable.every((one) => one.verdict === first.verdict)) return first
  const said = all.flatMap((one, nth) => (one === undefined ? [] : [`${one.verdict} in ${DIALECTS[nth]}`]))
  return unknown(`the databases differ: ${said.join(', ')}; say which one it is`)
}

/** Returns `undefined` when the parser does not accept it as SQL of this database. */
async function classifyIn(sql: string, dialect: Dialect): Promise<Classification | undefined> {
  const spelling = misread(sql, dialect)
  if (spelling !== undefined) return unknown(spelling)
  const parsed = await parse(sql, dialect)
  try {
    return parsed && classifyParsed(sql, parsed)
  } catch (error) {
    // By statements beside each other, of which one has a name or a column that no rule is about.
    if (error instanceof NotCovered) return unknown(error.message)
    if (error instanceof RangeError) return unknown('its expressions are nested too deep to be looked at')
    throw error
  }
}

/** What the statements do, judged from the parsed text only. Apart, because the parser may have skipped some of it. */
export function classifyParsed(sql: string, parsed: Parsed): Classification {
  const word = wordLeftOut(sql, parsed.statements)
  if (word !== undefined) return unknown(`the parser has read over \`${word}\``)
  const statements = parsed.statements.filter(({ type }) => type !== 'transaction')
  if (statements.length === 0) return unknown('a transaction without statements is nothing by itself')
  const undone = parsed.statements.find(({ type, expr }) => type === 'transaction' && isUndoing(expr))
  if (undone !== undefined) return unknown('a text that takes back what it does is not covered by the rules')
  return together(
    statements,
    statements.map((one) => classified(one, parsed.grammar)),
  )
}

function isUndoing(expr: unknown): boolean {
  const { action } = isNode(expr) ? expr : { action: undefined }
  return isNode(action) && !/^(begin|start|commit)\b/i.test(String(action.value))
}

function classified(node: Node, dialect: Dialect): Classification {
  try {
    return classifyStatement(node, dialect)
  } catch (error) {
    if (error instanceof NotCovered) return unknown(error.message)
    throw error
  }
}

function classifyStatement(node: Node, dialect: Dialect): Classification {
  if (!isNode(node)) throw new NotCovered('the parser gave no statement')
  switch (node.type) {
    case 'select':
      return classifySelect(node, (one) => classified(one, dialect))
    case 'insert':
    case 'replace':
      return classifyInsert(node, dialect)
    case 'update':
      return classifyUpdate(node, dialect)
    case 'delete':
      return classifyDelete(node, dialect)
    case 'create':
      return classifyCreate(node)
    case 'drop':
      return classifyDrop(node)
    case 'alter':
      return classifyAlter(node)
    case 'truncate':
      return idempotent('all rows are gone after each run; a late duplicate also removes rows that came after it')
    case 'show':
      return idempotent('it reads, and changes nothing')
    case 'call':
      return depends('what the procedure does is not known here', GUARDS.run)
    default:
      throw new NotCovered(`${String(node.type).toUpperCase()} is not covered by the rules`)
  }
}
