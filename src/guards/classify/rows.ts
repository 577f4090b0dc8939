import type { Dialect } from '../port/tx.ts'
import { assignmentsOf } from './assignment.ts'
import { collectFacts, columnOf, type Facts, noFacts } from './facts.ts'
import { isNode, type Node, nodesOf } from './node.ts'
import { NotCovered } from './verdict.ts'

/** The rows that an INSERT is to write. */
export interface Given {
  /** `undefined` when the statement does not name columns. */
  readonly columns: readonly string[] | undefined
  /** The values of one column in every row; `undefined` for a column that is not named. */
  valuesOf(column: string): readonly Node[] | undefined
  /** The facts of those values. */
  factsOf(column: string): Facts | undefined
  readonly all: Facts
  /** Every row has a value that may be the same at each run. */
  readonly hasConstant: boolean
  readonly isSelect: boolean
}

/** @throws NotCovered */
export function givenBy(node: Node, dialect: Dialect): Given {
  if (node.set !== undefined && node.set !== null) return fromSet(node.set, dialect)
  const columns = namesOf(node.columns)
  const source = isNode(node.values) ? node.values : undefined
  if (source?.type === 'select') {
    const all = collectFacts(source, dialect)
    return { columns, valuesOf: () => undefined, factsOf: () => undefined, all, hasConstant: false, isSelect: true }
  }
  if (source?.type !== 'values') throw new NotCovered('INSERT without VALUES or SELECT is not covered by the rules')
  const rows = nodesOf(source.values).map((row) => nodesOf(row.value))
  if (columns !== undefined && rows.some((row) => row.length !== columns.length)) {
    throw new NotCovered('a row has more or fewer values than there are columns')
  }
  return ofRows(columns, rows, dialect)
}

function fromSet(set: unknown, dialect: Dialect): Given {
  const assignments = assignmentsOf(set, dialect)
  return ofRows(
    assignments.map(({ column }) => column),
    [assignments.map(({ value }) => value)],
    dialect,
  )
}

function ofRows(columns: readonly string[] | undefined, rows: readonly (readonly Node[])[], dialect: Dialect): Given {
  const valuesOf = (column: string) => {
    const at = columns?.indexOf(column) ?? -1
    return at < 0 ? undefined : rows.map((row) => row[at] as Node)
  }
  const factsOfAll = (values: readonly Node[]) => {
    const facts = noFacts()
    for (const value of values) collectFacts(value, dialect, facts)
    return facts
  }
  return {
    columns,
    valuesOf,
    factsOf(column) {
      const values = valuesOf(column)
      return values && factsOfAll(values)
    },
    all: factsOfAll(rows.flat()),
    hasConstant: rows.every((row) => row.some((value) => changing(factsOfAll([value])).length === 0)),
    isSelect: false,
  }
}

/** Returns what makes a value differ at each run. */
export function changing({ time, random, writing }: Facts): readonly string[] {
  return [...time, ...random, ...writing]
}

/** Whether a value is known to be the same at each run. */
export function isSame({ time, random, writing, opaque, subqueries }: Facts): boolean {
  return time.size + random.size + writing.size + opaque.size + subqueries === 0
}

function namesOf(columns: unknown): readonly string[] | undefined {
  if (!Array.isArray(columns) || columns.length === 0) return undefined
  return columns.map((one) => (typeof one === 'string' ? one.toLowerCase() : nameOf(one as Node)))
}

function nameOf(node: Node): string {
  if (node.type === 'column_ref') return columnOf(node).name
  return columnOf({ type: 'column_ref', column: { expr: node } }).name
}
