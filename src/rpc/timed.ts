import type { Runtime } from '../core/runtime.ts'
import { CODE } from './codes.ts'
import type { RpcLibrary } from './library.ts'

/** Calls `ask` with a signal that aborts after `ms` or with the call's own. Does not wait if a transport ignores it. */
export async function withTimeLimit<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  callSignal: AbortSignal,
  ms: number,
  { runtime, library }: { readonly runtime: Runtime; readonly library: RpcLibrary },
): Promise<T> {
  const own = new AbortController()
  const ended = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true })
  })
  ended.catch(() => {})
  const follow = () => own.abort(callSignal.reason)
  if (callSignal.aborted) follow()
  else callSignal.addEventListener('abort', follow, { once: true })
  const cancel = runtime.after(ms, () =>
    own.abort(library.error(`there was no answer within ${Math.ceil(ms)} ms`, CODE.deadlineExceeded, new Headers())),
  )
  // In an async function, because `ask` may throw synchronously.
  const asked = (async () => ask(own.signal))()
  asked.catch(() => {})
  try {
    return await Promise.race([asked, ended])
  } catch (error) {
    // A transport reports "canceled" when its signal aborts, whatever the reason.
    throw own.signal.aborted ? own.signal.reason : error
  } finally {
    cancel()
    callSignal.removeEventListener('abort', follow)
  }
}
