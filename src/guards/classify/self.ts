import type { Dialect } from '../port/tx.ts'
import { affineOf, isSettled } from './affine.ts'
import { callName, columnOf } from './facts.ts'
import { literalOf } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'

/** Functions with f(f(x)) = f(x), where x is the first argument and the others are constants. */
const SETTLING = new Set(
  `lower upper lcase ucase trim ltrim rtrim btrim abs ceil ceiling floor round trunc jsonb_strip_nulls array_remove initcap
  json_replace`.split(/\s+/),
)
/** The same, with x at any position. */
const CHOOSING = new Set(['coalesce', 'ifnull', 'greatest', 'least'])
/** The same, if the path names only members: removing or inserting at a list index changes the list each time. */
const BY_PATH = new Set(['json_set', 'json_insert', 'json_remove', 'jsonb_set'])

const isColumn = (node: unknown, column: string): boolean =>
  isNode(node) &&
  ((node.type === 'column_ref' && columnOf(node).table !== 'excluded' && columnOf(node).name === column) ||
    (node.type === 'double_quote_string' && String(node.value).toLowerCase() === column))

/** Whether an operand is taken to change the result: a parameter is, since nobody adds a 0. */
const counts = (node: Node): boolean =>
  node.type === 'function'
    ? callName(node) === 'values'
    : ['var', 'param', 'origin', 'column_ref'].includes(String(node.type))

/** Whether appending this makes a text or list longer. */
function adds(node: Node): boolean {
  const literal = literalOf(node)
  if (literal === undefined) return counts(node)
  return literal.value !== null && !['', '{}'].includes(String(literal.value))
}

const argumentsOf = (call: Node): readonly Node[] => nodesOf(isNode(call.args) ? call.args.value : undefined)

/** Whether f(f(x)) = f(x), for every x. */
export function isSelfSame(value: Node, column: string): boolean {
  const affine = affineOf(value, (node) => isColumn(node, column))
  if (affine !== undefined) return isSettled(affine) === true
  if (value.type === 'function') return isSelfSameCall(callName(value), argumentsOf(value), column)
  if (value.type !== 'binary_expr' || !isNode(value.left) || !isNode(value.right)) return false
  const { operator, left, right } = value
  return ['&', '|'].includes(String(operator)) && isColumn(left, column) && isConstant(right)
}

function isSelfSameCall(name: string, args: readonly Node[], column: string): boolean {
  const others = args.filter((one) => !isColumn(one, column))
  if (others.length !== args.length - 1 || !others.every(isConstant)) return false
  if (CHOOSING.has(name)) return true
  if (!isColumn(args[0], column)) return false
  return SETTLING.has(name) || (BY_PATH.has(name) && pathsOf(name, others).every(namesMembers))
}

function pathsOf(name: string, others: readonly Node[]): readonly Node[] {
  if (name === 'json_remove') return others
  return name === 'jsonb_set' ? others.slice(0, 1) : others.filter((_, nth) => nth % 2 === 0)
}

function namesMembers(path: Node): boolean {
  const text = literalOf(path)?.value
  if (typeof text !== 'string') return false
  return text.startsWith('{') ? !/[{,]\s*"?[-+]?\d/.test(text) : !text.includes('[')
}

/** `version + 0` */
export function isUnchanged(value: Node, column: string): boolean {
  const affine = affineOf(value, (node) => isColumn(node, column))
  return affine?.k === 1 && affine.c === 0
}

/** Whether a second run certainly gives another value, at least for some row. */
export function isStep(value: Node, column: string, dialect: Dialect): boolean {
  const affine = affineOf(value, (node) => isColumn(node, column))
  if (affine !== undefined) return isSettled(affine) === false
  if (value.type === 'unary_expr')
    return ['NOT', '!', '~'].includes(String(value.operator).toUpperCase()) && isColumn(value.expr, column)
  if (value.type === 'function') return grows(callName(value), argumentsOf(value), column)
  if (value.type !== 'binary_expr' || !isNode(value.left) || !isNode(value.right)) return false
  const { operator, left, right } = value
  const isLeft = isColumn(left, column)
  if (!isLeft && !isColumn(right, column)) return isStepInside(value, column, dialect)
  const other = isLeft ? right : left
  switch (operator) {
    case '+':
    case '-':
    case '*':
      return counts(other)
    case '/':
      return isLeft && counts(other) && !isColumn(other, column)
    case '||':
      // In PostgreSQL it may merge JSON objects, which is idempotent; in MySQL it is OR.
      return adds(other) && (dialect === 'sqlite' || (dialect === 'postgres' && isPlainText(other)))
    default:
      return false
  }
}

/** Nested steps as in `(price + ?) * 2`, which cannot cancel out as `(price + ?) - ?` may. */
function isStepInside({ operator, left, right }: Node, column: string, dialect: Dialect): boolean {
  const [inner, other] = isNode(left) && isStep(left, column, dialect) ? [left, right] : [right, left]
  if (!isNode(inner) || !isNode(other) || !isStep(inner, column, dialect)) return false
  const by = literalOf(other)?.value
  const isAdding = (one: unknown) => one === '+' || one === '-'
  const isPair = isAdding(operator) ? inner.operator === '*' : operator === '*' && isAdding(inner.operator)
  return isPair && (counts(other) || (typeof by === 'number' && by !== 0))
}

function grows(name: string, args: readonly Node[], column: string): boolean {
  const at = args.findIndex((one) => isColumn(one, column))
  if (at < 0) return false
  const others = args.filter((_, nth) => nth !== at)
  switch (name) {
    case 'reverse':
      return args.length === 1
    case 'array_append':
    case 'json_array_append':
      return at === 0
    case 'array_prepend':
      return at === 1
    case 'array_cat':
      return others.some(adds)
    case 'concat':
      // In MySQL, CONCAT with NULL is NULL.
      return others.some(adds) && others.every(({ type }) => type !== 'null')
    case 'concat_ws':
      return at > 0 && others.slice(1).some(adds) && args[0]?.type !== 'null'
    case 'repeat': {
      const times = others[0] && literalOf(others[0])?.value
      return at === 0 && others[0] !== undefined && (typeof times === 'number' ? times > 1 : counts(others[0]))
    }
    default:
      return false
  }
}

function isPlainText(node: Node): boolean {
  const literal = literalOf(node)
  return typeof literal?.value === 'string' && !/^\s*[[{"]/.test(literal.value)
}

function isConstant(node: Node): boolean {
  return literalOf(node) !== undefined || ['var', 'param', 'origin'].includes(String(node.type))
}
