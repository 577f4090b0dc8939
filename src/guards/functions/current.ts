import { AsyncLocalStorage } from 'node:async_hooks'
import type { Operation } from '../../core/once.ts'

const running = new AsyncLocalStorage<Operation>()

/**
 * Returns the operation of the innermost running decorated method or `idempotent` function, for its `step`, `child`,
 * `signal` and `fence`; `undefined` outside of one. It follows the async context, also into work that is not awaited.
 */
export function currentOperation(): Operation | undefined {
  return running.getStore()
}

export function runAs<T>(op: Operation, run: () => T): T {
  return running.run(op, run)
}
