import type { HttpCall, HttpReply } from './call.ts'
import type { HttpRules } from './options.ts'
import { problem } from './problem.ts'
import { fromStored, type StoredReply } from './stored-reply.ts'

/** Returns the function that answers a duplicate from what is stored. */
export function createReplay<R>(rules: HttpRules<R>, onDuplicate: 'replay' | 'reject') {
  return async (call: HttpCall<R>, stored: StoredReply): Promise<HttpReply> => {
    if (onDuplicate === 'reject') return problem('DUPLICATE', rules)
    if (rules.canReplay !== undefined && !(await rules.canReplay(call))) return problem('REPLAY_REFUSED', rules)
    const { status, headers, body, omitted } = fromStored(stored)
    if (omitted === 'event-stream' || omitted === 'not-known') return problem('RESULT_UNSERIALIZABLE', rules)
    const marks: [string, string][] = [['cache-control', 'no-store']]
    if (rules.replayedHeader !== false) marks.push([rules.replayedHeader.toLowerCase(), 'true'])
    if (omitted !== undefined) marks.push(['idempotency-body-omitted', omitted])
    return { status, headers: [...headers, ...marks], body: body ?? new Uint8Array(0) }
  }
}
