import type { Operation } from '../core/once.ts'
import { invalidOption } from '../core/options.ts'

/** How many messages each operation has been asked ids for. An operation is an object of its own on every run. */
const asked = new WeakMap<object, number>()

/**
 * Ids that depend on the operation and on how many were asked for before, in this run of it, and on nothing else.
 * @throws OnlyonceError OPTION_INVALID
 */
export function nextId(op: Pick<Operation, 'child'>): () => string {
  if (typeof op?.child !== 'function') throw invalidOption('op', 'must be the operation that the effect was given', op)
  return () => {
    const index = asked.get(op) ?? 0
    asked.set(op, index + 1)
    return op.child(`onlyonce:outbox:${index}`)
  }
}
