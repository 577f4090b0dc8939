import type { Dialect } from '../port/tx.ts'
import { collectFacts } from './facts.ts'
import { isEmpty, type Node, nodesOf, requireOnly } from './node.ts'
import { judgeReturning } from './select.ts'
import { hasLimit, judgeCondition } from './update.ts'
import { type Classification, depends, GUARDS, idempotent, notIdempotent, weightiest } from './verdict.ts'

export function classifyDelete(node: Node, dialect: Dialect): Classification {
  requireOnly(node, ['type', 'table', 'from', 'where', 'orderby', 'limit', 'returning'], 'DELETE')
  const isLimited = hasLimit(node)
  const all = [...judgeCondition(collectFacts(node.where, dialect)), ...judgeReturning(node.returning)]
  if (nodesOf(node.from).length > 1)
    all.push(depends('it reads other tables, and what they hold may have changed', GUARDS.run))
  if (isLimited && isEmpty(node.where)) {
    all.push(
      notIdempotent('with LIMIT and without a condition, each run removes the next rows', 'name the rows by their key'),
    )
  } else if (isLimited) {
    all.push(
      depends(
        'with LIMIT, each run removes the next rows unless the condition finds no more than that',
        'name the rows by their key',
      ),
    )
  }
  all.push(
    isEmpty(node.where)
      ? idempotent('all rows are gone after each run; a late duplicate also removes rows that came after it')
      : idempotent('the rows that match are gone after each run; a second one finds none'),
  )
  return weightiest(all)
}
