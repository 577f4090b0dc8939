import type { HttpReply } from './call.ts'

/**
 * `'final'`: stored, and replayed to every duplicate. `'release'`: not stored; the same key runs the handler again.
 * `'abandon'`: the outcome is unknown; the key stays claimed until its lease runs out, then `onAbandoned` decides.
 */
export type Decision = 'final' | 'release' | 'abandon'

/** 4xx that say something about the moment or the caller, not about the request. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 409, 425, 429])

/** 2xx, 3xx and deterministic 4xx are final. A stored passing refusal would lock its key for the retention. */
export function defaultOutcome({ status }: Pick<HttpReply, 'status'>): Decision {
  return status >= 500 || status < 200 || PASSING.has(status) ? 'release' : 'final'
}
