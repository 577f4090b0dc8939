import { invalidOption } from '../core/option-rules.ts'
import type { Tried } from './attempt.ts'
import { isForGood } from './conflict.ts'

/** `result`: the caller's answer. `failure`: worth another attempt, if one is safe. */
export type Verdict = 'result' | 'failure'

export interface Judging {
  /** The call has a key, so 409 may mean "an earlier attempt is still running". Without one it is a plain conflict. */
  readonly keyed: boolean
  readonly replayedHeader: string
  readonly retry: (response: Response) => boolean | undefined
}

const PASSING = [408, 425, 429]
/** Advice headers of Stripe and Adyen. */
const ADVICE = ['stripe-should-retry', 'transient-error']

/** Judges one attempt, not whether the call may be repeated. @throws what `retry` throws */
export function judge(tried: Tried, { keyed, replayedHeader, retry }: Judging): Verdict {
  if (tried.kind === 'failed') return 'failure'
  const { response } = tried
  const decided: unknown = retry(response)
  // A promise, as of an `async` function, is no answer: taken for true, it would send again what has succeeded.
  if (decided !== undefined && typeof decided !== 'boolean')
    throw invalidOption('retry', 'must answer true, false or undefined, and at once', decided)
  if (decided !== undefined) return decided ? 'failure' : 'result'
  // A stored answer is the same next time, also when it is a 500.
  if (isReplay(response, replayedHeader)) return 'result'
  const { status, headers } = response
  const advised = ADVICE.map((name) => headers.get(name)?.toLowerCase())
  if (status < 400 || advised.includes('false')) return 'result'
  const waiting = status === 409 && keyed && !isForGood(tried.conflict)
  return waiting || advised.includes('true') || PASSING.includes(status) || status >= 500 ? 'failure' : 'result'
}

/** Whether another server may do better: not when the answer is about the operation or the caller. */
export function blamesServer(tried: Tried): boolean {
  return tried.kind === 'failed' || tried.response.status === 408 || tried.response.status >= 500
}

/**
 * Whether the server answered with the stored result of an earlier attempt.
 * `header` defaults to `idempotency-replayed`; Stripe's `idempotent-replayed` counts as well.
 */
export function isReplay(response: Response, header = 'idempotency-replayed'): boolean {
  if (typeof Object(response).headers?.get !== 'function')
    throw invalidOption('response', 'must be a Response of fetch', response)
  return [header, 'idempotent-replayed'].some((name) => response.headers.get(name)?.toLowerCase() === 'true')
}
