import type { Dialect } from '../port/tx.ts'
import { type Assigned, type Assignment, assignedBy, assignmentsOf, kindOf } from './assignment.ts'
import { excludedColumn, sameAsGiven, settles } from './excluded.ts'
import { collectFacts } from './facts.ts'
import { isIdentical } from './literal.ts'
import { refusalOf } from './refusal.ts'
import type { Given } from './rows.ts'
import { judgeCondition, list } from './update.ts'
import { type Classification, depends, GUARDS, idempotent, notIdempotent } from './verdict.ts'

/**
 * Judges DO UPDATE on a row that the first run of the same statement has inserted: idempotent if each column gets the
 * value that the insertion gave it.
 */
export function classifyMerge(set: unknown, where: unknown, given: Given, dialect: Dialect): readonly Classification[] {
  const assignments = assignmentsOf(set, dialect)
  const assigned = assignedBy(assignments)
  const refusal = refusalOf(where, assigned, given, dialect)
  const condition = judgeCondition(collectFacts(where, dialect))
  if (refusal === 'certain')
    return [
      ...condition,
      idempotent('the condition of DO UPDATE does not hold for the row that the same statement has written'),
    ]
  const all = assignments.map((one) => judge(one, assigned, given, dialect))
  return [...condition, ...(refusal === 'perhaps' ? all.map(onlyIfRefused) : all)]
}

function onlyIfRefused(trouble: Classification): Classification {
  if (trouble.verdict !== 'not-idempotent') return trouble
  return depends(
    `it is safe only if the condition of DO UPDATE no longer holds after the first run: ${trouble.reasons[0]}`,
    trouble.guard,
  )
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
  if (facts.opaque.size === 0 && values?.every((inserted) => isIdentical(inserted, value)) === true) {
    return idempotent(`\`${column}\` is set to what is inserted`)
  }
  return depends(
    `a first run gives \`${column}\` what is inserted, and a second one gives it what DO UPDATE says: it must be the same`,
    'set every column to excluded.column, or VALUES(column) in MySQL',
  )
}
