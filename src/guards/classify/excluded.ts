import { callName, columnOf } from './facts.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { type Given, isSame } from './rows.ts'
import { type Classification, depends, GUARDS, idempotent, notIdempotent } from './verdict.ts'

/** Returns the column of the row to be inserted that a node names: `excluded.x`, `VALUES(x)`. */
export function excludedColumn(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'column_ref') {
    const { table, name } = columnOf(node)
    return table === 'excluded' ? name : undefined
  }
  if (node.type !== 'function' || callName(node) !== 'values') return undefined
  const [first] = nodesOf(isNode(node.args) ? node.args.value : undefined)
  return first?.type === 'column_ref' ? columnOf(first).name : undefined
}

/** Whether a row inserted with x keeps it, as under `GREATEST(t.x, excluded.x)` and `COALESCE(t.x, excluded.x)`. */
export function settles(value: Node, column: string): boolean {
  if (value.type !== 'function' || !['greatest', 'least', 'coalesce', 'ifnull'].includes(callName(value))) return false
  const args = nodesOf(isNode(value.args) ? value.args.value : undefined)
  return args.every(
    (one) => excludedColumn(one) === column || (one.type === 'column_ref' && columnOf(one).name === column),
  )
}

/** Judges a column that is set to the value to be inserted. */
export function sameAsGiven(column: string, given: Given): Classification {
  const facts = given.factsOf(column)
  if (facts === undefined) {
    if (given.columns?.includes(column) === false)
      return depends(`\`${column}\` gets its default, which may differ at each run`, GUARDS.changing)
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
