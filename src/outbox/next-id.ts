import type { Operation } from '../core/once.ts'
import { invalidOption } from '../core/option-rules.ts'

/** Number of ids taken per operation. Each run of an operation is a new object, so its count starts at 0. */
const asked = new WeakMap<object, number>()

/**
 * Returns a function whose ids depend only on the operation and on how many ids this run of it took before.
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
