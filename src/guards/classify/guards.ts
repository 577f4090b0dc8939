import type { Dialect } from '../port/tx.ts'
import type { Assignment } from './assignment.ts'
import { collectFacts, columnOf, isMade } from './facts.ts'
import { differ, isIdentical, literalOf } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { isStep, isUnchanged } from './self.ts'

/** Whether the write to `column` makes the condition false: `certain`, or `perhaps` when that depends on the values. */
export type Ending = { readonly kind: 'certain' | 'perhaps'; readonly column: string } | undefined

/** `undefined`: the condition still holds, at least for some row. */
type Ends = 'certain' | 'perhaps' | undefined

/** Looks for a part of the WHERE that no longer holds for a written row, so that a second run does not find it. */
export function endingCondition(where: unknown, assignments: readonly Assignment[], dialect: Dialect): Ending {
  let perhaps: Ending
  for (const assignment of assignments) {
    const ends = endsWith(where, assignment, dialect)
    if (ends === 'certain') return { kind: 'certain', column: assignment.column }
    if (ends === 'perhaps') perhaps = { kind: 'perhaps', column: assignment.column }
  }
  return perhaps
}

const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }

function endsWith(condition: unknown, assignment: Assignment, dialect: Dialect): Ends {
  const { column, value } = assignment
  if (!isNode(condition) || !collectFacts(condition, dialect).columns.has(column)) return undefined
  const then = literalOf(value)?.value
  if (isOf(condition, column)) return truth(then, false)
  if (condition.type === 'unary_expr' && isOf(condition.expr, column)) {
    return ['NOT', '!'].includes(String(condition.operator).toUpperCase()) ? truth(then, true) : 'perhaps'
  }
  if (condition.type !== 'binary_expr' || !isNode(condition.left) || !isNode(condition.right)) return 'perhaps'
  const operator = String(condition.operator).toUpperCase()
  if (operator === 'AND' || operator === 'OR') {
    const sides = [condition.left, condition.right].map((side) => endsWith(side, assignment, dialect))
    if (operator === 'AND') return sides.find((one) => one === 'certain') ?? sides.find(Boolean)
    return sides.includes(undefined) ? undefined : sides.includes('perhaps') ? 'perhaps' : 'certain'
  }
  if (isOf(condition.left, column)) return ends(operator, condition.right, assignment, dialect)
  if (isOf(condition.right, column)) return ends(MIRRORED[operator] ?? operator, condition.left, assignment, dialect)
  return 'perhaps'
}

/** `WHERE seen` and `WHERE NOT seen`, after `seen = then`. */
function truth(then: unknown, endsWhen: boolean): Ends {
  if (then === null) return 'certain'
  return typeof then !== 'boolean' && typeof then !== 'number' ? 'perhaps' : verdict(Boolean(then) === endsWhen)
}

const verdict = (isOver: boolean | undefined): Ends =>
  isOver === undefined ? 'perhaps' : isOver ? 'certain' : undefined

const RANGES = ['<', '<=', '>', '>=']

/** `column operator asked`, after `column = value`. */
function ends(operator: string, asked: Node, assignment: Assignment, dialect: Dialect): Ends {
  const { column, value } = assignment
  if (isUnchanged(value, column)) return undefined
  const [now, then] = [literalOf(asked), literalOf(value)]
  if (then?.value === null && operator !== 'IS' && operator !== 'IS NOT') return 'certain'
  const steps = isStep(value, column, dialect)
  if (steps && [...RANGES, '<>', '!=', 'BETWEEN', 'NOT IN', 'IS NOT'].includes(operator)) return undefined
  const list = nodesOf(asked.type === 'expr_list' ? asked.value : undefined).map(literalOf)
  switch (operator) {
    case '=':
      if (isOf(asked, column) || isIdentical(asked, value)) return undefined
      if (stepsAway(value, column)) return isValue(asked) ? 'certain' : 'perhaps'
      // Different spellings may be equal text: the collation of the column decides.
      return now !== undefined && then !== undefined && differ(now, then) ? 'certain' : 'perhaps'
    case '<>':
    case '!=':
      if (isIdentical(asked, value)) return 'certain'
      return now !== undefined && then !== undefined && differ(now, then) ? undefined : 'perhaps'
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (isIdentical(asked, value)) return verdict(operator.length === 1)
      if (isTimeItself(assignment, asked, dialect)) return operator.startsWith('<') ? undefined : 'perhaps'
      return verdict(not(compared(operator, then?.value, now?.value)))
    case 'BETWEEN':
      return verdict(
        not(both(compared('>=', then?.value, list[0]?.value), compared('<=', then?.value, list[1]?.value))),
      )
    case 'IN':
    case 'NOT IN': {
      const found = then && foundIn(list, then)
      return verdict(operator === 'IN' ? not(found) : found)
    }
    case 'IS':
    case 'IS NOT': {
      const is = isThat(asked, then?.value, isMade(value))
      return verdict(operator === 'IS' ? not(is) : is)
    }
    default:
      return 'perhaps'
  }
}

const not = (truth: boolean | undefined): boolean | undefined => (truth === undefined ? undefined : !truth)

function both(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
  if (a === false || b === false) return false
  return a === undefined || b === undefined ? undefined : true
}

/** `made = now()` where `made < now()`: still holds at the next run, which is later. */
function isTimeItself({ value, facts }: Assignment, asked: Node, dialect: Dialect): boolean {
  const now = collectFacts(asked, dialect).time
  return now.size > 0 && facts.time.size > 0 && isMade(value) && isMade(asked)
}

function foundIn(
  list: readonly ReturnType<typeof literalOf>[],
  then: { readonly value: unknown },
): boolean | undefined {
  if (list.some((one) => one !== undefined && one.value === then.value)) return true
  const isOther = list.every((one) => one !== undefined && differ(one, then as NonNullable<typeof one>))
  return isOther && list.length > 0 ? false : undefined
}

/** `IS NULL`, `IS TRUE`, `IS FALSE`. */
function isThat(asked: Node, then: unknown, makesValue: boolean): boolean | undefined {
  if (asked.type === 'null') return makesValue ? false : then === undefined ? undefined : then === null
  const wanted = literalOf(asked)?.value
  if (typeof wanted !== 'boolean' || then === undefined || typeof then === 'string') return undefined
  return then !== null && Boolean(then) === wanted
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

function isOf(node: unknown, column: string): boolean {
  return (
    isNode(node) && node.type === 'column_ref' && columnOf(node).table !== 'excluded' && columnOf(node).name === column
  )
}

function isValue(node: Node): boolean {
  return literalOf(node) !== undefined || ['var', 'param', 'origin'].includes(String(node.type))
}
