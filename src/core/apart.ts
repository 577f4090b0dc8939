import { AsyncResource } from 'node:async_hooks'

/** Not `AsyncLocalStorage.snapshot()`, which does the same at ten times the cost of a call. */
const loading = new AsyncResource('onlyonce')

/**
 * Runs `run` in the async context in which the package was loaded. What serves many calls, or outlives the one that
 * begins it, must not stay in that one's context: it may be inside a transaction of the store, or of a request.
 */
export function apart<T>(run: () => T): T {
  return loading.runInAsyncScope(run)
}
