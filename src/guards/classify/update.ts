import type { Dialect } from '../port/tx.ts'
import { type Assigned, type Assignment, assignedBy, assignmentsOf, keepsItsFirst, kindOf } from './assignment.ts'
import { collectFacts, type Facts, noFacts } from './facts.ts'
import { type Ending, endingCondition } from './guards.ts'
import { isEmpty, isNode, type Node, nodesInside, nodesOf, requireOnly } from './node.ts'
import { judgeReturning } from './select.ts'
import { type Classification, depends, GUARDS, idempotent, NotCovered, notIdempotent, weightiest } from './verdict.ts'

const KEYS = ['type', 'table', 'set', 'where', 'from', 'orderby', 'limit', 'returning', 'with']

export function classifyUpdate(node: Node, dialect: Dialect): Classification {
  requireOnly(node, KEYS, 'UPDATE')
  if (!isEmpty(node.with)) throw new NotCovered('UPDATE with WITH is not covered by the rules')
  const assignments = assignmentsOf(node.set, dialect)
  if (assignments.length === 0) throw new NotCovered('UPDATE without SET is not covered by the rules')
  const assigned = assignedBy(assignments)
  const where = collectFacts(node.where, dialect)
  if ([where, ...assignments.map(({ facts }) => facts)].some(({ excluded }) => excluded.size > 0))
    throw new NotCovered('a table that is called excluded, outside of DO UPDATE, is not covered by the rules')
  const sources = noFacts()
  for (const one of nodesInside([node.from, node.table]))
    if (one.type === 'function') collectFacts(one, dialect, sources)
  const ending = endingCondition(node.where, assignments, dialect)
  const all = [
    ...judgeCondition(where),
    ...(sources.writing.size > 0
      ? [notIdempotent(`${list(sources.writing)} changes something at each run`, GUARDS.run)]
      : []),
    ...judgeReturning(node.returning),
    ...(hasLimit(node) ? [limited(where, assigned)] : []),
    ...assignments.map((one) => judgeAssignment(one, assigned, dialect, ending)),
    ...(nodesOf(node.table).length > 1 || !isEmpty(node.from) || nodesOf(node.table).some(({ join }) => !isEmpty(join))
      ? [
          depends(
            'it reads other tables, and what they hold may have changed; where several rows match, which one counts is open',
            GUARDS.run,
          ),
        ]
      : []),
  ]
  return weightiest(all)
}

/** Judges whether a condition finds the same rows at a second run. */
export function judgeCondition(where: Facts): readonly Classification[] {
  const all: Classification[] = []
  if (where.writing.size > 0)
    all.push(notIdempotent(`${list(where.writing)} in the condition changes something at each run`, GUARDS.run))
  if (where.random.size > 0)
    all.push(notIdempotent(`${list(where.random)} in the condition finds other rows at each run`, GUARDS.run))
  if (where.time.size > 0)
    all.push(
      depends(`${list(where.time)} in the condition finds other rows as time goes on`, 'give the time as a parameter'),
    )
  if (where.opaque.size > 0) all.push(depends(`what ${list(where.opaque)} answers is not known here`, GUARDS.run))
  if (where.subqueries > 0)
    all.push(depends('the condition reads other rows, which the statement itself or others may change', GUARDS.run))
  return all
}

export function hasLimit(node: Node): boolean {
  return isNode(node.limit) && !isEmpty(node.limit.value)
}

function limited(where: Facts, assigned: Assigned): Classification {
  const ended = [...where.columns].find((name) => assigned.has(name))
  return ended === undefined
    ? depends(
        'with LIMIT, which rows it takes is open unless the condition finds no more than that',
        'name the rows by their key',
      )
    : notIdempotent(
        `with LIMIT, each run takes the next rows, since \`${ended}\` no longer matches on those it took`,
        'choose the rows first, then name them by their key',
      )
}

function judgeAssignment(one: Assignment, assigned: Assigned, dialect: Dialect, ending: Ending): Classification {
  const { column, facts } = one
  if (ending?.kind === 'certain') {
    return facts.subqueries + facts.opaque.size > 0 && ending.column === column
      ? depends(`what \`${column}\` becomes is not known here`, GUARDS.run)
      : idempotent(
          `the condition on \`${ending.column}\` no longer holds after the first run, so a second one finds no row`,
        )
  }
  const trouble = troubleOf(one, assigned, dialect)
  if (ending?.kind === 'perhaps' && trouble.verdict === 'not-idempotent') {
    return depends(
      `it is safe only if the condition on \`${ending.column}\` no longer holds after the first run: ${trouble.reasons[0]}`,
      trouble.guard,
    )
  }
  return trouble
}

function troubleOf(one: Assignment, assigned: Assigned, dialect: Dialect): Classification {
  const { column, facts } = one
  if (facts.writing.size > 0)
    return notIdempotent(`${list(facts.writing)} changes something at each run`, GUARDS.changing)
  if (keepsItsFirst(one, assigned) && facts.subqueries + facts.opaque.size === 0) {
    return idempotent(`\`${column}\` keeps the first value that it gets`)
  }
  const changing = [...facts.time, ...facts.random]
  if (changing.length > 0)
    return notIdempotent(`\`${column}\` becomes another value at each run: ${changing.join(', ')}`, GUARDS.changing)
  const kind = kindOf(one, assigned, dialect)
  if (kind === 'step')
    return notIdempotent(
      `\`${column}\` is computed from a value that this statement changes: each run goes a step further`,
      GUARDS.relative,
    )
  if (kind === 'unclear')
    return depends(
      `\`${column}\` is computed from a value that this statement changes, and whether a second run changes it again depends on the values`,
      GUARDS.relative,
    )
  if (facts.opaque.size > 0) return depends(`what ${list(facts.opaque)} answers is not known here`, GUARDS.changing)
  if (facts.subqueries > 0) return depends(`\`${column}\` is read from other rows, which may have changed`, GUARDS.run)
  if (kind === 'stable')
    return idempotent(`\`${column}\` is computed from itself in a way that changes nothing the second time`)
  return idempotent(
    `\`${column}\` is set to the same value at each run; a late duplicate still overwrites what came after it`,
  )
}

export function list(names: ReadonlySet<string>): string {
  return [...names].join(', ')
}
