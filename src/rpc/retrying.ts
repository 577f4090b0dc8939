import { reasonOf } from '../core/errors.ts'
import type { ResolvedCalls } from './calls-options.ts'
import { CODE } from './codes.ts'
import type { RpcError, RpcLibrary } from './library.ts'
import { PUSHBACK, RETRY_AFTER } from './refusal.ts'

/**
 * Errors of a moment. After any of them the call may have taken effect: it is made again under its key only. A connection
 * that is lost over HTTP/2 is CANCELED; when the caller cancels, its signal says so.
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
 * What a transport threw that is no error of Connect: those on `fetch` pass on its TypeError when the connection is lost.
 * `undefined`: somebody has ended the call.
 */
export function lostConnection(thrown: unknown, library: RpcLibrary): RpcError | undefined {
  if (Object(thrown).name === 'AbortError') return undefined
  return library.error(reasonOf(thrown), CODE.unavailable, new Headers(), thrown)
}

/** How long to wait before the call is made again; `undefined`: it is not. */
export function retryAfter(error: RpcError, failures: number, options: ResolvedCalls): number | undefined {
  const { metadata } = error
  const pushback = metadata.get(PUSHBACK)
  // gRFC A6: anything but a number says "do not retry".
  const refused = pushback !== null && !MILLISECONDS.test(pushback)
  const again = options.retry(error) ?? (PASSING.includes(error.code) && !isReplay(metadata, options) && !refused)
  if (!again) return undefined
  const asked = [pushback, metadata.get(RETRY_AFTER)].find((value) => value !== null && MILLISECONDS.test(value))
  const ceiling = Math.min(options.maxBackoffMs, options.backoffMs * 2 ** Math.min(failures - 1, 30))
  return Number(asked ?? 0) + options.runtime.random() * ceiling
}
