import type { Dialect } from '../port/tx.ts'
import { type Assigned, type Assignment, assignedBy, assignmentsOf, kindOf } from './assignment.ts'
import { callName, columnOf } from './facts.ts'
import { isIdentical } from './literal.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { type Given, isSame } from './rows.ts'
import { list } from './update.ts'
import { type Classification, depends, GUARDS, idempotent, notIdempotent } from './verdict.ts'

/**
 * What DO UPDATE does to a row that an earlier run of the same statement has inserted. The same means: each column gets
 * what the insertion has given it.
 */
export function classifyMerge(set: unknown, where: unknown, given: Given, dialect: Dialect): readonly Classification[] {
  const assignments = assignmentsOf(set, dialect)
  const assigned = assignedBy(assignments)
  if (refusesItsOwn(where, assigned)) {
    return [idempotent('the condition of DO UPDATE does not hold for the row that the same statement has written')]
  }
  return assignments.map((one) => judge(one, assigned, given, dialect))
}

function judge(one: Assignment, assigned: Assigned, given: Given, dialect: Dialect): Classification {
  const { column, value, facts } = one
  if (facts.writing.size > 0)
    return notIdempotent(`${list(facts.writing)} changes something at each run`, GUARDS.changing)
  const kind = kindOf(one, assigned, dialect)
  if (kind === 'step')
    return notIdempotent(
      `\`${column}\` is computed from the value that is there: each run after the first goes a step further`,
      GUARDS.relative,
    )
  const changing = [...facts.time, ...facts.random]
  if (changing.length > 0 && kind === 'absolute')
    return notIdempotent(`\`${column}\` becomes another value at each run: ${changing.join(', ')}`, GUARDS.changing)
  const source = excludedColumn(value)
  if (source === column) return sameAsGiven(column, given)
  if (settles(value, column)) return sameAsGiven(column, given)
  const values = given.valuesOf(column)
  if (values?.every((inserted) => isIdentical(inserted, value)) === true) {
    return idempotent(`\`${column}\` is set to what is inserted`)
  }
  return depends(
    `a first run gives \`${column}\` what is inserted, and a second one gives it what DO UPDATE says: it must be the same`,
    'set every column to excluded.column, or VALUES(column) in MySQL',
  )
}

function sameAsGiven(column: string, given: Given): Classification {
  const facts = given.factsOf(column)
  if (facts === undefined) {
    return isSame(given.all)
      ? idempotent(`\`${column}\` is set to what is inserted`)
      : depends(`which value \`${column}\` gets is not told, and one of them may differ at each run`, GUARDS.changing)
  }
  const changing = [...facts.time, ...facts.random, ...facts.writing]
  if (changing.length > 0)
    return notIdempotent(`\`${column}\` becomes another value at each run: ${changing.join(', ')}`, GUARDS.changing)
  if (!isSame(facts)) return depends(`what \`${column}\` becomes is not known here`, GUARDS.changing)
  return idempotent(`\`${column}\` is set to what is inserted`)
}

/** The column of the row that was to be inserted: `excluded.x`, `VALUES(x)`. */
function excludedColumn(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'column_ref') {
    const { table, name } = columnOf(node)
    return table === 'excluded' ? name : undefined
  }
  if (node.type !== 'function' || callName(node) !== 'values') return undefined
  const [first] = nodesOf(isNode(node.args) ? node.args.value : undefined)
  return first?.type === 'column_ref' ? columnOf(first).name : undefined
}

/** `GREATEST(t.x, excluded.x)` and `COALESCE(t.x, excluded.x)` give a row that was inserted with x the same x. */
function settles(value: Node, column: string): boolean {
  if (value.type !== 'function' || !['greatest', 'least', 'coalesce', 'ifnull'].includes(callName(value))) return false
  const args = nodesOf(isNode(value.args) ? value.args.value : undefined)
  return args.every(
    (one) => excludedColumn(one) === column || (one.type === 'column_ref' && columnOf(one).name === column),
  )
}

/** `WHERE t.version < excluded.version`, with version among the columns that are set. */
function refusesItsOwn(where: unknown, assigned: Assigned): boolean {
  if (!isNode(where) || where.type !== 'binary_expr' || !isNode(where.left) || !isNode(where.right)) return false
  const operator = String(where.operator).toUpperCase()
  if (operator === 'AND') return refusesItsOwn(where.left, assigned) || refusesItsOwn(where.right, assigned)
  if (!['<', '>', '<>', '!=', 'IS DISTINCT FROM'].includes(operator)) return false
  const [left, right] = [excludedColumn(where.left), excludedColumn(where.right)]
  const theirs = left ?? right
  const ours = left === undefined ? where.left : where.right
  if (theirs === undefined || (left !== undefined && right !== undefined) || ours.type !== 'column_ref') return false
  return columnOf(ours).name === theirs && assigned.has(theirs)
}
