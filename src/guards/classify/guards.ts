import type { Assignment } from './assignment.ts'
import { columnOf } from './facts.ts'
import { differ, isIdentical, literalOf } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'

/** Whether a condition ends with the write: `certain` with the column, or `perhaps`, when that depends on the values. */
export type Ending = { readonly kind: 'certain' | 'perhaps'; readonly column: string } | undefined

/** Looks for a part of the WHERE that no longer holds for a row that was written: what guards everything else. */
export function endingCondition(where: unknown, assignments: readonly Assignment[]): Ending {
  let perhaps: Ending
  for (const one of conjuncts(where)) {
    for (const assignment of assignments) {
      const ends = endsWith(one, assignment)
      if (ends === 'certain') return { kind: 'certain', column: assignment.column }
      if (ends === 'perhaps') perhaps = { kind: 'perhaps', column: assignment.column }
    }
  }
  return perhaps
}

function conjuncts(where: unknown): readonly Node[] {
  if (!isNode(where)) return []
  if (where.type !== 'binary_expr' || String(where.operator).toUpperCase() !== 'AND') return [where]
  return [...conjuncts(where.left), ...conjuncts(where.right)]
}

const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }

function endsWith(condition: Node, assignment: Assignment): 'certain' | 'perhaps' | undefined {
  if (condition.type !== 'binary_expr' || !isNode(condition.left) || !isNode(condition.right)) return undefined
  const operator = String(condition.operator).toUpperCase()
  if (isOf(condition.left, assignment.column)) return ends(operator, condition.right, assignment)
  if (isOf(condition.right, assignment.column)) return ends(MIRRORED[operator] ?? operator, condition.left, assignment)
  return undefined
}

/** `column operator asked`, after `column = value`. */
function ends(operator: string, asked: Node, { column, value, facts }: Assignment): 'certain' | 'perhaps' | undefined {
  const [now, then] = [literalOf(asked), literalOf(value)]
  const makesValue = facts.time.size + facts.random.size > 0 && value.type === 'function'
  switch (operator) {
    case '=':
      if (then?.value === null || stepsAway(value, column)) return isValue(asked) ? 'certain' : undefined
      if (isIdentical(asked, value)) return undefined
      // Two spellings of what may be one text: the collation of the column decides.
      if (now !== undefined && then !== undefined) return differ(now, then) ? 'certain' : 'perhaps'
      return isValue(asked) && isValue(value) ? 'perhaps' : undefined
    case '<>':
    case '!=':
      return isIdentical(asked, value) ? 'certain' : undefined
    case '<':
    case '>':
      if (isIdentical(asked, value)) return 'certain'
      return compared(operator, then?.value, now?.value) === false ? 'certain' : undefined
    case '<=':
    case '>=':
      return compared(operator, then?.value, now?.value) === false ? 'certain' : undefined
    case 'IN': {
      const list = nodesOf(asked.type === 'expr_list' ? asked.value : undefined).map(literalOf)
      if (then === undefined || list.length === 0) return undefined
      return list.every((one) => one !== undefined && differ(one, then)) ? 'certain' : undefined
    }
    case 'IS':
      if (asked.type !== 'null') return undefined
      if (makesValue || (then !== undefined && then.value !== null)) return 'certain'
      return isValue(value) && then === undefined ? 'perhaps' : undefined
    case 'IS NOT':
      return asked.type === 'null' && then?.value === null ? 'certain' : undefined
    default:
      return undefined
  }
}

/** `version + 1` is never `version`. */
function stepsAway(value: Node, column: string): boolean {
  if (value.type !== 'binary_expr' || !['+', '-'].includes(String(value.operator))) return false
  if (!isNode(value.left) || !isNode(value.right) || !isOf(value.left, column)) return false
  const by = literalOf(value.right)?.value
  return typeof by === 'number' && by !== 0
}

function compared(operator: string, left: unknown, right: unknown): boolean | undefined {
  if (typeof left !== 'number' || typeof right !== 'number') return undefined
  return { '<': left < right, '>': left > right, '<=': left <= right, '>=': left >= right }[operator]
}

function isOf(node: Node, column: string): boolean {
  return node.type === 'column_ref' && columnOf(node).table !== 'excluded' && columnOf(node).name === column
}

function isValue(node: Node): boolean {
  return literalOf(node) !== undefined || ['var', 'param', 'origin'].includes(String(node.type))
}
