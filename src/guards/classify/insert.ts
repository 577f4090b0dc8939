import type { Dialect } from '../port/tx.ts'
import { classifyMerge } from './conflict.ts'
import { columnOf } from './facts.ts'
import { literalOf } from './literal.ts'
import { isEmpty, isNode, type Node, nodesOf, requireOnly } from './node.ts'
import { changing, type Given, givenBy, isSame } from './rows.ts'
import { judgeReturning } from './select.ts'
import { list } from './update.ts'
import { type Classification, depends, GUARDS, idempotent, NotCovered, notIdempotent, weightiest } from './verdict.ts'

const KEYS = [
  'type',
  'table',
  'columns',
  'values',
  'set',
  'prefix',
  'or',
  'conflict',
  'on_duplicate_update',
  'returning',
]
const NO_KEY =
  'whether a unique index is over the key is not told: with one a second run changes nothing, without one each run adds a row'

export function classifyInsert(node: Node, dialect: Dialect): Classification {
  requireOnly(node, KEYS, String(node.type).toUpperCase())
  const given = givenBy(node, dialect)
  const all: Classification[] = [...judgeValues(given), ...judgeReturning(node.returning)]
  const conflict = isNode(node.conflict) && !isEmpty(node.conflict) ? node.conflict : undefined
  const onDuplicate =
    isNode(node.on_duplicate_update) && !isEmpty(node.on_duplicate_update) ? node.on_duplicate_update : undefined
  if (onDuplicate !== undefined && dialect !== 'mysql')
    throw new NotCovered('ON DUPLICATE KEY UPDATE is of MySQL alone')
  if (conflict !== undefined) all.push(...judgeConflict(conflict, given, dialect))
  else if (onDuplicate !== undefined) {
    all.push(depends(NO_KEY, GUARDS.insert), ...classifyMerge(onDuplicate.set, undefined, given, dialect))
  } else all.push(judgePlain(node, given))
  return weightiest(all)
}

function judgeValues(given: Given): readonly Classification[] {
  const all: Classification[] = []
  const { writing, unknown } = given.all
  if (writing.size > 0)
    all.push(
      notIdempotent(
        `${list(writing)} changes something at each run, and gives each row another value`,
        GUARDS.changing,
      ),
    )
  // The values are made before a row with the same key is found.
  if (unknown.size > 0)
    all.push(
      depends(`whether ${list(unknown)} writes is not known here, and it is called at each run`, GUARDS.changing),
    )
  if (given.isSelect)
    all.push(depends('the rows are read anew at each run, and what they are made of may have changed', GUARDS.run))
  return all
}

function judgePlain(node: Node, given: Given): Classification {
  const way = nodesOf(node.or)
    .map(({ value }) => String(value).toUpperCase())
    .at(-1)
  const isReplace = node.type === 'replace' || way === 'REPLACE'
  const isIgnore = way === 'IGNORE' || /\bignore\b/i.test(String(node.prefix ?? ''))
  if (way !== undefined && !['REPLACE', 'IGNORE', 'ABORT', 'FAIL', 'ROLLBACK'].includes(way)) {
    throw new NotCovered(`INSERT OR ${way} is not covered by the rules`)
  }
  if (!given.isSelect && !given.hasConstant) {
    return notIdempotent(
      `every value differs at each run (${changing(given.all).join(', ')}), so no key can be met again`,
      GUARDS.changing,
    )
  }
  if (isReplace) {
    return isSame(given.all) || given.isSelect
      ? depends(`${NO_KEY}; and REPLACE gives the columns that are not named their defaults`, 'upsert')
      : depends(
          `${NO_KEY}; and a value that differs at each run is written at each run`,
          'upsert with values that are made once',
        )
  }
  if (isIgnore) return depends(NO_KEY, GUARDS.insert)
  return depends(
    'with a unique index over the key a second run fails and changes nothing; without one each run adds a row',
    GUARDS.insert,
  )
}

function judgeConflict(conflict: Node, given: Given, dialect: Dialect): readonly Classification[] {
  requireOnly(conflict, ['type', 'keyword', 'target', 'action'], 'ON CONFLICT')
  const action = isNode(conflict.action) && isNode(conflict.action.expr) ? conflict.action.expr : undefined
  const target = isNode(conflict.target) ? conflict.target : undefined
  if (target !== undefined) requireOnly(target, ['type', 'expr', 'parentheses'], 'ON CONFLICT')
  const key = nodesOf(target?.expr).map((one) => columnOf(one).name)
  const all = judgeKey(key, given)
  if (action?.type === 'origin' && String(action.value).toLowerCase() === 'nothing') {
    return [
      ...all,
      idempotent('a row with this key is left alone, and a unique index over it is there, or the database refuses'),
    ]
  }
  if (action?.type !== 'update') throw new NotCovered('this form of ON CONFLICT is not covered by the rules')
  requireOnly(action, ['type', 'set', 'where', 'table'], 'DO UPDATE')
  return [...all, ...classifyMerge(action.set, action.where, given, dialect)]
}

/** Judges whether a second run conflicts with the row of the first one. */
function judgeKey(key: readonly string[], given: Given): readonly Classification[] {
  if (key.length === 0) return [depends(NO_KEY, 'name the columns: ON CONFLICT (…)')]
  if (given.isSelect) return []
  if (given.columns === undefined) {
    return isSame(given.all)
      ? []
      : [depends('which value the key gets is not told, and one of them may differ at each run', GUARDS.changing)]
  }
  return key.flatMap((column): readonly Classification[] => {
    const facts = given.factsOf(column)
    if (facts === undefined) {
      return [depends(`the key \`${column}\` gets its default, which may differ at each run`, GUARDS.insert)]
    }
    const differing = changing(facts)
    if (differing.length > 0) {
      return [
        notIdempotent(
          `the key \`${column}\` is another one at each run (${differing.join(', ')}), so each run adds a row`,
          'take the key from the request, and give it as a parameter',
        ),
      ]
    }
    // Whether the column allows NULL, and how often, is not in the statement either.
    if (given.valuesOf(column)?.some(isNull) === true) {
      return [
        depends(
          `the key \`${column}\` is NULL, and a unique index usually lets any number of NULLs in: then each run adds a row`,
          'take the key from the request, and give it as a parameter',
        ),
      ]
    }
    return isSame(facts) ? [] : [depends(`what the key \`${column}\` becomes is not known here`, GUARDS.insert)]
  })
}

const isNull = (value: Node): boolean =>
  literalOf(value)?.value === null || (value.type === 'cast' && isNode(value.expr) && isNull(value.expr))
