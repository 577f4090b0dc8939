import { report } from '../core/events.ts'
import { sleep } from '../core/runtime.ts'
import { type CallsEvent, type CallsOptions, resolveCalls } from './calls-options.ts'
import { clientKey } from './client-key.ts'
import { loadLibrary } from './library.ts'
import { isReplay, lostConnection, retryAfter } from './retrying.ts'
import { callOf, type RpcInterceptor } from './shapes.ts'
import { withTimeLimit } from './timed.ts'

/**
 * A client interceptor: a unary call has one idempotency key, kept on every attempt, and is made again where that is safe:
 * when it has a key, or its method an `idempotency_level`. Streams are passed on as they are.
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
    // A listener that throws changes nothing for the call.
    const tell = (event: CallsEvent) => report(() => onEvent(event), undefined)

    const ask = (signal: AbortSignal) => {
      // A copy for each attempt: transports add headers of their own.
      const header = new Headers(request.header)
      if (key !== undefined) header.set(options.keyHeader, key)
      return next({ ...request, header, signal })
    }

    for (let attempt = 1; ; attempt++) {
      const about = { procedure: call.procedure, key, attempt }
      try {
        const limitMs = Math.min(options.attemptTimeoutMs, deadline - runtime.elapsed())
        const response = await withTimeLimit(ask, request.signal, limitMs, { runtime, library })
        if (isReplay(response.header, options)) tell({ ...about, type: 'replayed' })
        return response
      } catch (thrown) {
        if (request.signal.aborted) throw thrown
        const error = library.isError(thrown) ? thrown : repeatable ? lostConnection(thrown, library) : undefined
        if (error === undefined) throw thrown
        const pauseMs = attempt < most ? retryAfter(error, attempt, options) : undefined
        const retryMs = pauseMs !== undefined && runtime.elapsed() + pauseMs < deadline ? pauseMs : undefined
        tell({ ...about, type: 'attempt-failed', error, retryMs })
        if (retryMs === undefined) throw thrown
        await sleep(runtime, retryMs, request.signal)
        if (request.signal.aborted) throw thrown
      }
    }
  }
}
