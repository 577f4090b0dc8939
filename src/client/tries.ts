import { sleep } from '../core/runtime.ts'
import { attempt, discard, type Tried } from './attempt.ts'
import type { LogicalCall } from './call.ts'
import type { Endpoints } from './endpoints.ts'
import type { Tell } from './listening.ts'
import type { ResolvedClient } from './options.ts'
import { jitterMs } from './pause.ts'
import { reasonFor } from './reason.ts'
import { retryAfterMs } from './retry-after.ts'
import type { Fetch } from './types.ts'
import { blamesServer, isReplay, judge, type Verdict } from './verdict.ts'

/** What all attempts came to. */
export interface Ended {
  readonly verdict: Verdict
  readonly tried: Tried
}

/**
 * Makes attempts until one answers, none may follow, or time is up. A call that is not repeatable is made once.
 * @throws what the caller's signal was aborted with
 */
export async function makeTries(
  fetch: Fetch,
  call: LogicalCall,
  options: ResolvedClient,
  endpoints: Endpoints,
  tell: Tell,
): Promise<Ended> {
  const { runtime, readAheadBytes, attemptTimeoutMs } = options
  const { signal } = call
  const route = endpoints.route(call.url)
  const deadline = runtime.elapsed() + options.deadlineMs
  const judging = { ...options, keyed: call.key !== undefined }
  const most = call.repeatable ? options.maxAttempts : 1
  for (let number = 1; ; number++) {
    const timeoutMs = Math.min(attemptTimeoutMs, deadline - runtime.elapsed())
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
    const pauseMs = untried ? 0 : pause(tried, number, options)
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

/** Never shorter than what the server asked for. */
function pause(tried: Tried, failures: number, options: ResolvedClient): number {
  const { runtime } = options
  const asked = tried.kind === 'answered' ? retryAfterMs(tried.response.headers, runtime) : undefined
  return (asked ?? 0) + jitterMs(runtime, options, failures)
}
