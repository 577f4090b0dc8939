import { NotCovered } from './verdict.ts'

/** A node of the parser's syntax tree. */
export type Node = Readonly<Record<string, unknown>>

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function nodeOf(value: unknown): Node {
  if (isNode(value)) return value
  throw new NotCovered('a part of the statement has an unexpected form')
}

export function nodesOf(value: unknown): readonly Node[] {
  if (value === null || value === undefined) return []
  return (Array.isArray(value) ? value : [value]).map(nodeOf)
}

/** Whether a value is absent: the parser uses null, empty lists, and objects of such. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  if (Array.isArray(value)) return value.every(isEmpty)
  return isNode(value) && Object.values(value).every(isEmpty)
}

/** @throws NotCovered when the node has a part that the rules do not consider */
export function requireOnly(node: Node, keys: readonly string[], what: string): void {
  for (const [key, value] of Object.entries(node)) {
    if (!keys.includes(key) && !isEmpty(value))
      throw new NotCovered(`${what} with \`${key}\` is not covered by the rules`)
  }
}

/** Yields every node inside a value, including itself. */
export function* nodesInside(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesInside(one)
  else if (isNode(value)) {
    yield value
    for (const one of Object.values(value)) yield* nodesInside(one)
  }
}
