import { literalOf } from './literal.ts'
import { isNode, type Node } from './node.ts'

/** `k · column + c`: an expression of one column and numbers only. */
export interface Affine {
  readonly k: number
  readonly c: number
  /** No column type rounds an intermediate result. */
  readonly isExact: boolean
}

export function affineOf(value: unknown, isColumn: (node: Node) => boolean): Affine | undefined {
  if (!isNode(value)) return undefined
  if (isColumn(value)) return { k: 1, c: 0, isExact: true }
  const number = literalOf(value)?.value
  if (typeof number === 'number') return { k: 0, c: number, isExact: Number.isSafeInteger(number) }
  const of = (node: unknown) => affineOf(node, isColumn)
  if (value.type === 'unary_expr') {
    const inner = value.operator === '-' ? of(value.expr) : undefined
    return inner && { ...inner, k: -inner.k, c: -inner.c }
  }
  if (value.type !== 'binary_expr') return undefined
  const [left, right] = [of(value.left), of(value.right)]
  if (left === undefined || right === undefined) return undefined
  const isExact = left.isExact && right.isExact
  switch (value.operator) {
    case '+':
      return { k: left.k + right.k, c: left.c + right.c, isExact }
    case '-':
      return { k: left.k - right.k, c: left.c - right.c, isExact }
    case '*':
      if (left.k !== 0 && right.k !== 0) return undefined
      return { k: left.k * right.c + right.k * left.c, c: left.c * right.c, isExact }
    case '/':
      if (right.k !== 0 || right.c === 0) return undefined
      return { k: left.k / right.c, c: left.c / right.c, isExact: isExact && right.c === 1 }
    default:
      return undefined
  }
}

/** Whether applying it twice gives the same as once, for every number; `undefined` if rounding decides. */
export function isSettled({ k, c, isExact }: Affine): boolean | undefined {
  const near = (x: number, y: number) => Math.abs(x - y) < 1e-9
  if (!near(k, 0) && !(near(k, 1) && near(c, 0))) return false
  return isExact ? true : undefined
}
