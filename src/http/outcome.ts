import type { HttpReply } from './call.ts'

/**
 * `'final'`: the answer to every duplicate. `'release'`: not kept, and the same key runs the handler again. `'abandon'`:
 * nobody knows whether it happened; the key stays taken until its lease is over, and then `onAbandoned` decides.
 */
export type Decision = 'final' | 'release' | 'abandon'

/** 4xx that say something about the moment or the caller, not about the request. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 409, 425, 429])

/** The default: 2xx, 3xx and deterministic 4xx are final. Whoever keeps a passing refusal locks its key for a day. */
export function defaultOutcome({ status }: Pick<HttpReply, 'status'>): Decision {
  return status >= 500 || status < 200 || PASSING.has(status) ? 'release' : 'final'
}
