import { AsyncLocalStorage } from 'node:async_hooks'
import type { Operation } from '../../core/once.ts'

const running = new AsyncLocalStorage<Operation>()

/**
 * The operation of the innermost decorated method, or `idempotent` function, that runs: for its `step`, `child`, `signal`
 * and `fence`. `undefined` outside of one. It follows every `await`; what is started there and not awaited keeps it, too.
 */
export function currentOperation(): Operation | undefined {
  return running.getStore()
}

export function runAs<T>(op: Operation, run: () => T): T {
  return running.run(op, run)
}
