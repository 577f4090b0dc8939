import type { Dialect } from '../port/tx.ts'
import type { Assigned, Assignment } from './assignment.ts'
import { excludedColumn, sameAsGiven, settles } from './excluded.ts'
import { callName, columnOf } from './facts.ts'
import { isIdentical, literalOf } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { changing, type Given } from './rows.ts'
import { isStep, isUnchanged } from './self.ts'

/** Whether the condition of DO UPDATE is false after the write. `undefined`: it still holds, at least for some row. */
export type Refusal = 'certain' | 'perhaps' | undefined

const STRICT: Readonly<Record<string, (ours: number, theirs: number) => boolean>> = {
  '<': (ours, theirs) => ours < theirs,
  '>': (ours, theirs) => ours > theirs,
  '<>': (ours, theirs) => ours !== theirs,
}
const SPELLED: Readonly<Record<string, string>> = { '!=': '<>', 'IS DISTINCT FROM': '<>' }
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '>': '<' }

/**
 * Judges the condition of DO UPDATE at a second run. `WHERE t.version < excluded.version` refuses a row inserted with
 * that version; a row that existed before is refused only if the first run has set its version accordingly.
 */
export function refusalOf(where: unknown, assigned: Assigned, given: Given, dialect: Dialect): Refusal {
  if (!isNode(where) || where.type !== 'binary_expr' || !isNode(where.left) || !isNode(where.right)) return undefined
  const spelled = String(where.operator).toUpperCase()
  if (spelled === 'AND') {
    const sides = [where.left, where.right].map((side) => refusalOf(side, assigned, given, dialect))
    return sides.find((one) => one === 'certain') ?? sides.find(Boolean)
  }
  const [left, right] = [excludedColumn(where.left), excludedColumn(where.right)]
  const theirs = left ?? right
  const ours = left === undefined ? where.left : where.right
  if (theirs === undefined || (left !== undefined && right !== undefined) || ours.type !== 'column_ref')
    return undefined
  const assignment = assigned.get(theirs)
  if (columnOf(ours).name !== theirs || assignment === undefined) return undefined
  const asked = SPELLED[spelled] ?? spelled
  const operator = left === undefined ? asked : (MIRRORED[asked] ?? asked)
  return Object.hasOwn(STRICT, operator) ? afterwards(operator, assignment, given, dialect) : undefined
}

/** `column operator excluded.column`, after `column = value`. */
function afterwards(operator: string, { column, value, facts }: Assignment, given: Given, dialect: Dialect): Refusal {
  const rows = given.valuesOf(column) ?? []
  // Rows of one key, which SQLite allows, write one after the other: each is other than the one before, at each run.
  if (operator === '<>' && rows.length > 1) return 'perhaps'
  if (excludedColumn(value) === column || meets(operator, value, column)) {
    const { verdict } = sameAsGiven(column, given)
    return verdict === 'idempotent' ? 'certain' : verdict === 'depends' ? 'perhaps' : undefined
  }
  if (settles(value, column)) return keeps(value) ? undefined : 'perhaps'
  if (changing(facts).length > 0 || isUnchanged(value, column) || isStep(value, column, dialect)) return undefined
  if (rows.length > 0 && rows.every((row) => isIdentical(row, value))) return 'certain'
  const then = literalOf(value)?.value
  const goesOn = rows.map((row) => holds(operator, then, literalOf(row)?.value))
  if (goesOn.includes(true)) return undefined
  return rows.length === 0 || goesOn.includes(undefined) ? 'perhaps' : 'certain'
}

/** Whether the value is excluded.x whenever the condition holds: GREATEST of both for `t.x < excluded.x`. */
function meets(operator: string, value: Node, column: string): boolean {
  if (!settles(value, column) || callName(value) !== { '<': 'greatest', '>': 'least' }[operator]) return false
  return argumentsOf(value).some((one) => excludedColumn(one) === column)
}

/** Whether it leaves some row for which the condition holds as it is: COALESCE does, unless excluded.x comes first. */
function keeps(value: Node): boolean {
  return excludedColumn(argumentsOf(value)[0]) === undefined || ['greatest', 'least'].includes(callName(value))
}

const argumentsOf = (call: Node): readonly Node[] => nodesOf(isNode(call.args) ? call.args.value : undefined)

function holds(operator: string, ours: unknown, theirs: unknown): boolean | undefined {
  if (typeof ours !== 'number' || typeof theirs !== 'number') return undefined
  return STRICT[operator]?.(ours, theirs)
}
