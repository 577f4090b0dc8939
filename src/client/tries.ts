import { fullJitterMs } from '../core/backoff.ts'
import { sleep } from '../core/runtime.ts'
import { attempt, discard, type Tried } from './attempt.ts'
import type { LogicalCall } from './call.ts'
import type { Endpoints } from './endpoints.ts'
import type { Tell } from './listening.ts'
import type { ResolvedClient } from './options.ts'
import { reasonFor } from './reason.ts'
import { askedMs } from './retry-after.ts'
import type { Fetch } from './types.ts'
import { blamesServer, isReplay, judge, type Verdict } from './verdict.ts'

/** The last attempt of a call, and the verdict on it. */
export interface Ended {
  readonly verdict: Verdict
  readonly tried: Tried
}

/**
 * Makes attempts until one has a result, no other is allowed, or time is up. A call that is not repeatable gets one.
 * @throws the reason of the caller's signal; what `retry` throws
 */
export async function makeTries(
  fetch: Fetch,
  call: LogicalCall,
  options: ResolvedClient,
  endpoints: Endpoints,
  tell: Tell,
): Promise<Ended> {
  const { runtime, readAheadBytes, attemptTimeoutMs, deadlineMs } = options
  const { signal, deadline } = call
  const route = endpoints.route(call.url)
  const judging = { ...options, keyed: call.key !== undefined }
  const most = call.repeatable ? options.maxAttempts : 1
  for (let number = 1; ; number++) {
    const leftMs = deadline - runtime.elapsed()
    if (leftMs <= 0) {
      const message = `deadlineMs (${deadlineMs}) was over before attempt ${number} could begin`
      return { verdict: 'failure', tried: { kind: 'failed', error: new DOMException(message, 'TimeoutError') } }
    }
    const timeoutMs = Math.min(attemptTimeoutMs, leftMs)
    const tried = await attempt(fetch, route.url, call.init, { runtime, timeoutMs, signal, readAheadBytes })
    if (tried.kind === 'failed') signal?.throwIfAborted()
    const verdict = judge(tried, judging)
    if (verdict === 'result' && tried.kind === 'answered') {
      route.keep()
      const { status } = tried.response
      if (isReplay(tried.response, options.replayedHeader)) tell({ type: 'replayed', attempt: number, status })
      return { verdict, tried }
    }
    const untried = blamesServer(tried) && route.advance()
    const pauseMs = untried ? 0 : askedMs(tried, runtime) + fullJitterMs(runtime, options, number)
    const again = number < most && runtime.elapsed() + pauseMs < deadline
    const status = tried.kind === 'answered' ? tried.response.status : undefined
    tell({
      ...{ type: 'attempt-failed', attempt: number, reason: reasonFor(tried), status },
      ...{ error: tried.kind === 'failed' ? tried.error : undefined, retryMs: again ? pauseMs : undefined },
    })
    if (!again) return { verdict, tried }
    if (tried.kind === 'answered') discard(tried.response)
    await sleep(runtime, pauseMs, signal)
    signal?.throwIfAborted()
  }
}
