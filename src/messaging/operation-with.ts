import type { Operation } from '../core/once.ts'

/** Returns a copy of the operation with some members changed. */
export function operationWith(
  op: Operation,
  changes: Partial<Pick<Operation, 'scope' | 'key' | 'starts' | 'child'>>,
): Operation {
  const { scope, key, attempt, starts, fence, owner, step, child } = op
  return {
    ...{ scope, key, attempt, starts, fence, owner, step, child, ...changes },
    // Created only when it is read.
    get signal() {
      return op.signal
    },
  }
}
