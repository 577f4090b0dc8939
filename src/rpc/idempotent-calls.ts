import { tell } from '../core/reporting.ts'
import { sleep } from '../core/runtime.ts'
import { type CallsEvent, type CallsOptions, resolveCalls } from './calls-options.ts'
import { clientKey } from './client-key.ts'
import { loadLibrary } from './library.ts'
import { isReplay, lostConnection, retryAfter } from './retrying.ts'
import { callOf, type RpcInterceptor } from './shapes.ts'
import { withTimeLimit } from './timed.ts'

/**
 * A client interceptor: a unary call has one idempotency key for all its attempts, and is retried if that is safe, that
 * is if it has a key, or its method an `idempotency_level`. Streams are passed through.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotentCalls(given: CallsOptions = {}): RpcInterceptor {
  const options = resolveCalls(given)
  const { runtime, onEvent } = options
  return (next) => async (request) => {
    if (request.stream) return next(request)
    const library = await loadLibrary()
    const call = callOf(request)
    const key = clientKey(call, options)
    const repeatable = key !== undefined || call.idempotencyLevel !== 0
    const most = repeatable ? options.maxAttempts : 1
    const deadline = runtime.elapsed() + options.deadlineMs
    // Errors of the listener do not affect the call.
    const emit = (event: CallsEvent) => tell(onEvent, event, () => {})

    const ask = (signal: AbortSignal) => {
      // A copy for each attempt, because transports add their own headers.
      const header = new Headers(request.header)
      if (key !== undefined) header.set(options.keyHeader, key)
      return next({ ...request, header, signal })
    }

    for (let attempt = 1; ; attempt++) {
      const about = { procedure: call.procedure, key, attempt }
      try {
        const limitMs = Math.min(options.attemptTimeoutMs, deadline - runtime.elapsed())
        const response = await withTimeLimit(ask, request.signal, limitMs, { runtime, library })
        if (isReplay(response.header, options)) emit({ ...about, type: 'replayed' })
        return response
      } catch (thrown) {
        if (request.signal.aborted) throw thrown
        const error = library.isError(thrown) ? thrown : repeatable ? lostConnection(thrown, library) : undefined
        if (error === undefined) throw thrown
        const pauseMs = attempt < most ? retryAfter(error, attempt, options) : undefined
        const retryMs = pauseMs !== undefined && runtime.elapsed() + pauseMs < deadline ? pauseMs : undefined
        emit({ ...about, type: 'attempt-failed', error, retryMs })
        if (retryMs === undefined) throw thrown
        await sleep(runtime, retryMs, request.signal)
        if (request.signal.aborted || runtime.elapsed() >= deadline) throw thrown
      }
    }
  }
}
