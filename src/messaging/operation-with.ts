import type { Operation } from '../core/once.ts'

/** The same operation, told otherwise in some respects. */
export function operationWith(
  op: Operation,
  changes: Partial<Pick<Operation, 'scope' | 'key' | 'starts' | 'child'>>,
): Operation {
  const { scope, key, attempt, starts, fence, owner, step, child } = op
  return {
    ...{ scope, key, attempt, starts, fence, owner, step, child, ...changes },
    // Made only when it is asked for.
    get signal() {
      return op.signal
    },
  }
}
