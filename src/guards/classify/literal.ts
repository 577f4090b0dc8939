import { isNode, type Node } from './node.ts'

/** A constant in the statement itself. */
export type Literal = { readonly value: string | number | boolean | null }

export function literalOf(node: Node): Literal | undefined {
  switch (node.type) {
    case 'null':
      return { value: null }
    case 'bool':
    case 'boolean':
      return { value: node.value === true }
    case 'number':
      return { value: Number(node.value) }
    case 'single_quote_string':
    case 'string':
      return { value: String(node.value) }
    case 'unary_expr': {
      const inner = isNode(node.expr) ? literalOf(node.expr) : undefined
      return node.operator === '-' && typeof inner?.value === 'number' ? { value: -inner.value } : undefined
    }
    default:
      return undefined
  }
}

/**
 * True if the values differ in every column, whatever its collation ignores: case, accents, trailing blanks. Beyond
 * ASCII and Han it may ignore more: to MySQL `ß` may be `ss`, and one emoji any other.
 */
export function differ(a: Literal, b: Literal): boolean {
  if (a.value === null || b.value === null) return a.value !== b.value
  const [x, y] = [Number(a.value), Number(b.value)]
  if (String(a.value).trim() !== '' && String(b.value).trim() !== '' && !Number.isNaN(x) && !Number.isNaN(y))
    return x !== y
  // A text beside a number or truth value is converted first: 't' is true in PostgreSQL, and 'paid' is 0 in MySQL.
  if (typeof a.value !== typeof b.value) return false
  const [one, other] = [plain(a.value), plain(b.value)]
  return isTold(one) && isTold(other) && one !== other
}

const isTold = (text: string): boolean => /^[ -~\u4e00-\u9fff]*$/.test(text)

function plain(value: string | number | boolean): string {
  return String(value).normalize('NFKD').replace(/\p{M}/gu, '').trim().toLowerCase()
}

/** Whether both certainly have the same value. Two `?` may have different ones. */
export function isIdentical(a: Node, b: Node): boolean {
  const [x, y] = [literalOf(a), literalOf(b)]
  if (x !== undefined && y !== undefined) return x.value === y.value && typeof x.value === typeof y.value
  if (a.type !== b.type) return false
  if (a.type === 'var') return a.prefix === '$' && b.prefix === '$' && a.name === b.name
  return a.type === 'param' && a.value === b.value
}
