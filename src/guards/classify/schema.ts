import { isEmpty, isNode, type Node, nodesInside, nodesOf } from './node.ts'
import { type Classification, depends, idempotent, NotCovered, notIdempotent } from './verdict.ts'

const CREATED = ['table', 'index', 'view']
const DROPPED = ['table', 'index', 'view', 'schema', 'database']

const fails = (what: string, guard: string) =>
  depends(`a second run fails and changes nothing, because ${what}: fine only where that error counts as done`, guard)

export function classifyCreate(node: Node): Classification {
  const kind = String(node.keyword)
  if (!CREATED.includes(kind)) throw new NotCovered(`CREATE ${kind.toUpperCase()} is not covered by the rules`)
  const reads = [...nodesInside(node)].some(({ type }) => type === 'select')
  if (!isEmpty(node.if_not_exists)) return idempotent(`the ${kind} is made once, and left alone after that`)
  if (kind === 'view' && !isEmpty(node.replace))
    return idempotent('the view is made what the statement says, each time')
  if (kind === 'table' && reads) return fails('the table is there', 'IF NOT EXISTS')
  if (kind === 'index' && isEmpty(isNode(node.index) ? node.index.name : node.index)) {
    return notIdempotent(
      'an index without a name gets a new name, and is made again at each run',
      'give it a name and IF NOT EXISTS',
    )
  }
  return fails(`the ${kind} is there`, kind === 'view' ? 'CREATE OR REPLACE VIEW' : 'IF NOT EXISTS')
}

export function classifyDrop(node: Node): Classification {
  const kind = String(node.keyword)
  if (!DROPPED.includes(kind)) throw new NotCovered(`DROP ${kind.toUpperCase()} is not covered by the rules`)
  if (/if exists/i.test(String(node.prefix ?? '')))
    return idempotent(`the ${kind} is gone after each run; a late duplicate also drops a new one`)
  return fails(`the ${kind} is gone`, 'IF EXISTS')
}

export function classifyAlter(node: Node): Classification {
  const [first, ...more] = nodesOf(node.expr)
  if (first === undefined || more.length > 0 || first.action !== 'add' || first.resource !== 'column') {
    throw new NotCovered('of ALTER TABLE, the rules cover one ADD COLUMN')
  }
  if (!isEmpty(first.if_not_exists)) return idempotent('the column is added once, and left alone after that')
  return fails('the column is there', 'ADD COLUMN IF NOT EXISTS where the database has it, or a migration tool')
}
