import type { Dialect } from '../port/tx.ts'
import { callName, collectFacts, columnOf, type Facts } from './facts.ts'
import { literalOf } from './literal.ts'
import { isNode, type Node, nodeOf, nodesOf, requireOnly } from './node.ts'
import { isSelfSame, isStep, isUnchanged } from './self.ts'
import { NotCovered } from './verdict.ts'

export interface Assignment {
  readonly column: string
  readonly value: Node
  readonly facts: Facts
}

/** The assignments of one statement by column. */
export type Assigned = ReadonlyMap<string, Assignment>

export const assignedBy = (assignments: readonly Assignment[]): Assigned =>
  new Map(assignments.map((one) => [one.column, one]))

/** `absolute`: independent of old values. From the old value, `stable` is kept by a second run, and `step` changed. */
export type Kind = 'absolute' | 'stable' | 'step' | 'unclear'

/** The assignments of a SET list. @throws NotCovered */
export function assignmentsOf(set: unknown, dialect: Dialect): readonly Assignment[] {
  const names = new Map<string, string | undefined>()
  return nodesOf(set).map((entry) => {
    requireOnly(entry, ['type', 'column', 'table', 'value', 'collate'], 'an assignment')
    const value = nodeOf(entry.value)
    const { name, table } = columnOf(entry)
    // Databases differ in which one counts. An UPDATE of two tables may write a column of this name in each.
    if (names.has(name) && (table === undefined || (names.get(name) ?? table) === table))
      throw new NotCovered(`\`${name}\`, which is set twice, is not covered by the rules`)
    names.set(name, table)
    return { column: name, value, facts: collectFacts(value, dialect) }
  })
}

/** Judges what a second run does to a column, by what its value is computed from. */
export function kindOf({ column, value, facts }: Assignment, assigned: Assigned, dialect: Dialect): Kind {
  const own = [...facts.columns].filter((name) => assigned.has(name))
  if (own.length === 0) return 'absolute'
  if (own.some((name) => name !== column)) {
    // MySQL assigns in order, and later assignments see the new values.
    if (dialect === 'mysql') return 'unclear'
    const others = own.flatMap((name) => (name === column ? [] : [assigned.get(name) as Assignment]))
    return others.some((one) => shows(value, one.column) && !isUnchanged(one.value, one.column)) ? 'step' : 'unclear'
  }
  if (isSelfSame(value, column)) return 'stable'
  return isStep(value, column, dialect) ? 'step' : 'unclear'
}

/** Whether every change of that column changes the value of this expression. */
function shows(value: Node, column: string): boolean {
  if (value.type === 'column_ref') return columnOf(value).name === column
  if (value.type !== 'binary_expr' || !isNode(value.left) || !isNode(value.right)) return false
  const [inner, other] = shows(value.left, column) ? [value.left, value.right] : [value.right, value.left]
  if (!shows(inner, column) || shows(other, column)) return false
  const by = literalOf(other)?.value
  const isNumber = typeof by === 'number' ? by !== 0 : isPlain(other)
  return ['+', '-', '*'].includes(String(value.operator)) && isNumber
}

const isPlain = ({ type }: Node): boolean => ['var', 'param', 'origin', 'column_ref'].includes(String(type))

/** Whether a column keeps its first value, as in `COALESCE(paid_at, now())`. */
export function keepsItsFirst({ column, value, facts }: Assignment, assigned: Assigned): boolean {
  const others = [...facts.columns].filter((name) => name !== column && assigned.has(name))
  if (others.length > 0 || value.type !== 'function' || !['coalesce', 'ifnull', 'nvl'].includes(callName(value)))
    return false
  const [first] = nodesOf(isNode(value.args) ? value.args.value : undefined)
  return first?.type === 'column_ref' && columnOf(first).name === column
}
