import { columnOf } from './facts.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { type Classification, depends, GUARDS, weightiest } from './verdict.ts'

/** Judges statements that run one after the other by their own verdicts: one may undo what another does. */
export function together(statements: readonly Node[], all: readonly Classification[]): Classification {
  const heaviest = weightiest(all)
  if (statements.length === 1) return heaviest
  if (heaviest.verdict === 'idempotent') {
    if (statements.every(({ type }) => type === 'select' || type === 'show')) return heaviest
    return depends(
      'each statement is idempotent by itself, but one may undo what another one relies on: a sequence need not be idempotent',
      GUARDS.run,
    )
  }
  const lasting = (statement: Node, nth: number) =>
    all[nth]?.verdict === 'not-idempotent' &&
    !statements.some((other, at) => at !== nth && (isOpen(other, all[at]) || writesTheSame(statement, other)))
  if (heaviest.verdict !== 'not-idempotent' || statements.some(lasting)) return heaviest
  return depends(`another statement writes the same, and may undo this: ${heaviest.reasons[0]}`, GUARDS.run)
}

/** Whether nothing tells what a statement writes: a procedure, or a function of the user's. */
function isOpen({ type }: Node, judged: Classification | undefined): boolean {
  return type === 'call' || (type === 'select' && ['depends', 'unknown'].includes(String(judged?.verdict)))
}

function writesTheSame(one: Node, other: Node): boolean {
  if (!meet(tablesOf(one), tablesOf(other))) return false
  return one.type !== 'update' || other.type !== 'update' || meet(columnsOf(one), columnsOf(other))
}

const meet = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => [...one].some((name) => other.has(name))

function tablesOf({ type, table, from, name }: Node): ReadonlySet<string> {
  if (type === 'select' || type === 'create') return new Set()
  const named = type === 'truncate' || type === 'drop' ? name : type === 'delete' ? [table, from].flat() : table
  return new Set([named].flat().flatMap((one) => (isNode(one) ? [String(one.table).toLowerCase()] : [])))
}

const columnsOf = ({ set }: Node): ReadonlySet<string> => new Set(nodesOf(set).map((one) => columnOf(one).name))
