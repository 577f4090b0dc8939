import type { Dialect } from '../port/tx.ts'
import { callName, columnOf } from './facts.ts'
import { literalOf } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'

/** Functions that change nothing when they are used again on what they have made, the other arguments being constants. */
const SETTLING = new Set(
  `lower upper lcase ucase trim ltrim rtrim btrim abs ceil ceiling floor round trunc coalesce ifnull greatest least
  json_set json_insert json_replace json_remove jsonb_set jsonb_strip_nulls array_remove initcap`.split(/\s+/),
)
const GROWING = new Set([
  'concat',
  'concat_ws',
  'array_append',
  'array_prepend',
  'array_cat',
  'json_array_append',
  'repeat',
  'reverse',
])

const isColumn = (node: unknown, column: string): boolean =>
  isNode(node) &&
  ((node.type === 'column_ref' && columnOf(node).name === column) ||
    (node.type === 'double_quote_string' && String(node.value).toLowerCase() === column))

/** A parameter is taken for a value that counts: nobody adds a 0. */
const counts = (node: Node): boolean => {
  const literal = literalOf(node)
  if (node.type === 'function') return callName(node) === 'values'
  if (literal === undefined) return ['var', 'param', 'origin', 'column_ref'].includes(String(node.type))
  return literal.value !== 0 && literal.value !== ''
}

/** Whether f(f(x)) = f(x), for every x. */
export function isSelfSame(value: Node, column: string): boolean {
  if (isColumn(value, column)) return true
  if (value.type === 'function' && SETTLING.has(callName(value))) {
    const args = nodesOf(isNode(value.args) ? value.args.value : undefined)
    return (
      args.filter((one) => isColumn(one, column)).length === 1 &&
      args.every((one) => isColumn(one, column) || isConstant(one))
    )
  }
  if (value.type !== 'binary_expr' || !isNode(value.left) || !isNode(value.right)) return false
  const { operator, left, right } = value
  if (['&', '|'].includes(String(operator))) return isColumn(left, column) && isConstant(right)
  if (!isColumn(left, column)) return false
  const by = literalOf(right)?.value
  return (['+', '-'].includes(String(operator)) && by === 0) || (['*', '/'].includes(String(operator)) && by === 1)
}

/** Whether it is certainly another value each time, for some row at least. */
export function isStep(value: Node, column: string, dialect: Dialect): boolean {
  if (value.type === 'unary_expr')
    return ['-', 'NOT', '!', '~'].includes(String(value.operator).toUpperCase()) && isColumn(value.expr, column)
  if (value.type === 'function') {
    const args = nodesOf(isNode(value.args) ? value.args.value : undefined)
    return GROWING.has(callName(value)) && args.some((one) => isColumn(one, column))
  }
  if (value.type !== 'binary_expr' || !isNode(value.left) || !isNode(value.right)) return false
  const { operator, left, right } = value
  const isLeft = isColumn(left, column)
  if (!isLeft && !isColumn(right, column)) {
    // (price + 1) * 2 and the like: one side holds the column, deeper.
    return (
      ['+', '-', '*'].includes(String(operator)) &&
      [left, right].some((one) => isStep(one, column, dialect)) &&
      [left, right].some((one) => counts(one) || isConstant(one))
    )
  }
  const other = isLeft ? right : left
  switch (operator) {
    case '+':
    case '-':
      return counts(other)
    case '*':
      return counts(other) && literalOf(other)?.value !== 1
    case '/':
      return isLeft && counts(other) && literalOf(other)?.value !== 1
    case '||':
      // In PostgreSQL it may join JSON objects, where the same again changes nothing; in MySQL it is OR.
      return counts(other) && (dialect === 'sqlite' || (dialect === 'postgres' && isPlainText(other)))
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
