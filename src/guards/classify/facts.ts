import type { Dialect } from '../port/tx.ts'
import { type Character, characterOf } from './functions.ts'
import { isEmpty, isNode, type Node, nodeOf, nodesInside, nodesOf, requireOnly } from './node.ts'
import { NotCovered } from './verdict.ts'

/** What an expression is made of. */
export interface Facts {
  /** Columns of the existing row. */
  readonly columns: Set<string>
  /** Columns of the row to be inserted: `excluded.x`, `VALUES(x)`. */
  readonly excluded: Set<string>
  readonly time: Set<string>
  readonly random: Set<string>
  readonly writing: Set<string>
  /** Functions and variables whose value the statement does not determine. */
  readonly opaque: Set<string>
  /** Those functions of them that may also write. */
  readonly unknown: Set<string>
  subqueries: number
}

export const noFacts = (): Facts => ({
  columns: new Set(),
  excluded: new Set(),
  time: new Set(),
  random: new Set(),
  writing: new Set(),
  opaque: new Set(),
  unknown: new Set(),
  subqueries: 0,
})

const CONSTANTS = [
  'number',
  'bigint',
  'single_quote_string',
  'string',
  'bool',
  'boolean',
  'null',
  'param',
  'hex_string',
  'full_hex_string',
  'bit_string',
  'star',
]
const OTHER_NAMES: Readonly<Record<string, 'time' | 'opaque'>> = {
  default: 'opaque',
  current_user: 'opaque',
  session_user: 'opaque',
  user: 'opaque',
  ctid: 'opaque',
  xmin: 'opaque',
  localtime: 'time',
  localtimestamp: 'time',
  current_timestamp: 'time',
  current_date: 'time',
  current_time: 'time',
}

/** Whether PostgreSQL takes this text for a moment near the present one, in a column of a date or time. */
function isMoment(value: unknown): boolean {
  if (!isNode(value) || value.type !== 'single_quote_string') return false
  return /^\s*(\S+\s+)?(now|today|tomorrow|yesterday)(\s+\S+)?\s*$/i.test(String(value.value))
}

/** Collects what an expression is made of. @throws NotCovered for what no rule covers */
export function collectFacts(value: unknown, dialect: Dialect, facts: Facts = noFacts()): Facts {
  if (isEmpty(value)) return facts
  const node = nodeOf(value)
  const inside = (one: unknown) => collectFacts(one, dialect, facts)
  const type = String(node.type)
  if (node.ast !== undefined || type === 'select') {
    facts.subqueries++
    for (const one of nodesInside(node)) if (one.type === 'function') noteCall(one, facts)
    return facts
  }
  if (dialect === 'postgres' && isMoment(value)) {
    facts.opaque.add(`'${String(node.value)}'`)
    return facts
  }
  if (CONSTANTS.includes(type)) return facts
  switch (type) {
    case 'origin':
      if (node.value !== '?') throw new NotCovered(`\`${String(node.value)}\` is not covered by the rules`)
      return facts
    case 'double_quote_string':
      // SQLite takes it for a name if there is such a column, otherwise for text.
      if (dialect === 'sqlite') facts.columns.add(String(node.value).toLowerCase())
      else if (dialect !== 'mysql') throw new NotCovered(`"${String(node.value)}" is not covered by the rules`)
      return facts
    case 'var':
      if (node.prefix === '$' || (node.prefix === '@' && dialect === 'sqlite')) return facts
      facts.opaque.add(`${String(node.prefix)}${String(node.name)}`)
      return facts
    case 'column_ref': {
      const { name, table, quoted } = columnOf(node)
      if (table === 'excluded') facts.excluded.add(name)
      else if (table === undefined && !quoted && Object.hasOwn(OTHER_NAMES, name))
        facts[OTHER_NAMES[name] as 'time' | 'opaque'].add(name.toUpperCase())
      else facts.columns.add(name)
      return facts
    }
    case 'binary_expr':
      requireOnly(node, ['type', 'operator', 'left', 'right', 'parentheses'], 'an expression')
      inside(node.left)
      return inside(node.right)
    case 'unary_expr':
      requireOnly(node, ['type', 'operator', 'expr', 'parentheses'], 'an expression')
      return inside(node.expr)
    case 'cast':
      if (dialect !== 'postgres' || !isMoment(node.expr)) return inside(node.expr)
      if (nodesOf(node.target).some(({ dataType }) => /^(date|time)/i.test(String(dataType))))
        facts.time.add(`'${String(nodeOf(node.expr).value)}'`)
      return facts
    case 'interval':
      return inside(node.expr)
    case 'expr_list':
      for (const one of nodesOf(node.value)) inside(one)
      return facts
    case 'array':
      return inside(node.expr_list)
    case 'case':
      inside(node.expr)
      for (const one of nodesOf(node.args)) {
        inside(one.cond)
        inside(one.result)
      }
      return facts
    case 'function':
      return collectCall(node, dialect, facts)
    case 'aggr_func':
      return inside(nodeOf(node.args).expr)
  }
  throw new NotCovered(`an expression of kind \`${type}\` is not covered by the rules`)
}

function collectCall(node: Node, dialect: Dialect, facts: Facts): Facts {
  if (!isEmpty(node.array_index)) throw new NotCovered('a call with a subscript is not covered by the rules')
  const args = nodesOf(isNode(node.args) ? node.args.value : undefined)
  if (dialect === 'mysql' && callName(node) === 'values' && args.length === 1) {
    facts.excluded.add(columnOf(args[0] as Node).name)
    return facts
  }
  noteCall(node, facts)
  for (const one of args) collectFacts(one, dialect, facts)
  return facts
}

function noteCall(node: Node, facts: Facts): void {
  const character = characterOfCall(node)
  if (character === 'pure') return
  if (character === 'opaque') facts.unknown.add(`${callName(node)}()`)
  facts[character === 'session' ? 'opaque' : character].add(`${callName(node)}()`)
}

function characterOfCall(node: Node): Character {
  const args = nodesOf(isNode(node.args) ? node.args.value : undefined)
  const texts = args.filter(({ type }) => /string/.test(String(type))).map(({ value }) => String(value))
  const plain = args.every(({ type }) => /string|number|column_ref/.test(String(type)))
  return characterOf(callName(node), args.length, texts, plain)
}

/** Whether a node is by itself a new value at each run, such as `now()`, and never NULL. `IF(x, now(), NULL)` is not. */
export function isMade(node: Node): boolean {
  if (node.type !== 'function' || !['time', 'random'].includes(characterOfCall(node))) return false
  return nodesOf(isNode(node.args) ? node.args.value : undefined).every(({ type }) =>
    /string|number/.test(String(type)),
  )
}

/** Returns the name of a called function, with its schema: such a function is user-defined, whatever its name. */
export function callName(node: Node): string {
  const { schema, name } = isNode(node.name) ? node.name : { schema: undefined, name: undefined }
  const parts = [...nodesOf(schema), ...nodesOf(name)].map(({ value }) => String(value))
  return (parts.length === 0 ? String(node.name) : parts.join('.')).toLowerCase().replace(/^pg_catalog\./, '')
}

export interface ColumnName {
  /** As the database compares it. */
  readonly name: string
  readonly table: string | undefined
  readonly quoted: boolean
}

/** @throws NotCovered unless it is a plain name: in some dialects the parser takes `a::int` for a column */
export function columnOf(node: Node): ColumnName {
  const { column, table } = node
  // The parser hangs these on the name, where they would be read over: `tags[2]`, `paid_at AT TIME ZONE 'UTC'`.
  if (!isEmpty(node.array_index) || !isEmpty(node.options))
    throw new NotCovered('a column with a subscript or AT TIME ZONE is not covered by the rules')
  const inner = isNode(column) ? nodeOf(column.expr ?? column) : undefined
  const quoted = inner !== undefined && inner.type === 'double_quote_string'
  const spelled = String(inner === undefined ? column : inner.value)
  if (!quoted && spelled !== '*' && !/^[\p{L}_][\p{L}\p{N}_$ ]*$/u.test(spelled)) {
    throw new NotCovered(`\`${spelled}\` is not covered by the rules`)
  }
  // Only PostgreSQL distinguishes "Price" from price.
  const isExact = quoted && spelled !== spelled.toLowerCase()
  return {
    name: isExact ? `"${spelled}"` : spelled.toLowerCase(),
    table: typeof table === 'string' ? table.toLowerCase() : undefined,
    quoted,
  }
}
