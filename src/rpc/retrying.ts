import { fullJitterMs } from '../core/backoff.ts'
import { reasonOf } from '../core/errors.ts'
import { invalidOption } from '../core/option-rules.ts'
import type { ResolvedCalls } from './calls-options.ts'
import { CODE } from './codes.ts'
import type { RpcError, RpcLibrary } from './library.ts'
import { PUSHBACK, RETRY_AFTER } from './refusal.ts'

/**
 * Transient errors. After any of them the call may have taken effect, so it is retried only with its key. A lost HTTP/2
 * connection is CANCELED; a cancellation by the caller is told by its signal.
 */
const PASSING: readonly number[] = [
  CODE.deadlineExceeded,
  CODE.canceled,
  CODE.resourceExhausted,
  CODE.aborted,
  CODE.unavailable,
]

const MILLISECONDS = /^\d{1,12}$/

export function isReplay(headers: Headers, { replayedHeader }: ResolvedCalls): boolean {
  return headers.get(replayedHeader) === 'true'
}

/**
 * Converts an error of a transport that is not Connect's: those on `fetch` pass on its TypeError for a lost connection.
 * Returns `undefined` if the call was aborted.
 */
export function lostConnection(thrown: unknown, library: RpcLibrary): RpcError | undefined {
  if (Object(thrown).name === 'AbortError') return undefined
  return library.error(reasonOf(thrown), CODE.unavailable, new Headers(), thrown)
}

/** Returns how long to wait before the next attempt; `undefined`: no retry. */
export function retryAfter(error: RpcError, failures: number, options: ResolvedCalls): number | undefined {
  const { metadata } = error
  const pushback = metadata.get(PUSHBACK)
  // gRFC A6: any value but a number means "do not retry".
  const refused = pushback !== null && !MILLISECONDS.test(pushback)
  const decided: unknown = options.retry(error)
  // A promise, as of an `async` function, is no answer: it would count as true.
  if (decided !== undefined && typeof decided !== 'boolean')
    throw invalidOption('retry', 'must answer true, false or undefined, and at once', decided)
  const again = decided ?? (PASSING.includes(error.code) && !isReplay(metadata, options) && !refused)
  if (!again) return undefined
  const asked = [pushback, metadata.get(RETRY_AFTER)].find((value) => value !== null && MILLISECONDS.test(value))
  return Number(asked ?? 0) + fullJitterMs(options.runtime, options, failures)
}
