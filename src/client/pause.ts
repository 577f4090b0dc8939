import type { Runtime } from '../core/runtime.ts'

export interface Backoff {
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

/**
 * Full jitter: anything up to a ceiling that doubles with every failure, so that clients that failed together do not
 * come back together.
 */
export function jitterMs(runtime: Runtime, { backoffMs, maxBackoffMs }: Backoff, failures: number): number {
  return runtime.random() * Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(failures - 1, 30))
}
