import type { Readable } from 'node:stream'
import type { Runtime } from '../core/runtime.ts'
import { conflictCode } from './conflict.ts'
import { follow } from './following.ts'
import type { Fetch } from './types.ts'

/** How one attempt ended. `conflict` is what a 409 calls itself. */
export type Tried =
  | { readonly kind: 'answered'; readonly response: Response; readonly conflict: string | undefined }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface AttemptLimits {
  readonly runtime: Runtime
  readonly timeoutMs: number
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  /** How much of the answer is waited for. */
  readonly readAheadBytes: number
}

/** One request. It ends by `timeoutMs`, also when `fetch` pays no heed to its signal. */
export async function attempt(fetch: Fetch, url: URL, init: RequestInit, limits: AttemptLimits): Promise<Tried> {
  const { runtime, timeoutMs, signal, readAheadBytes } = limits
  const own = new AbortController()
  const ended = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true })
  })
  ended.catch(() => {})
  const following = follow(signal, own)
  const cancel = runtime.after(timeoutMs, () =>
    own.abort(new DOMException(`there was no answer within ${Math.ceil(timeoutMs)} ms`, 'TimeoutError')),
  )
  const asked = (async () => fetch(url.href, { ...init, signal: own.signal }))()
  try {
    const response = await Promise.race([asked, ended])
    const whole = await Promise.race([readAhead(response, readAheadBytes), ended])
    const conflict = await Promise.race([conflictCode(response), ended])
    // While the rest of an answer is on its way, the caller's signal must still end it.
    if (whole || !response.body) following.stop()
    else following.whileAlive(response.body)
    return { kind: 'answered', response, conflict }
  } catch (error) {
    asked.then(discard).catch(() => {})
    own.abort(error)
    following.stop()
    return { kind: 'failed', error }
  } finally {
    cancel()
  }
}

/** Lets go of an answer that nobody will read, so that its connection is free again. */
export function discard(response: Response): void {
  const { body, bodyUsed } = response
  if (bodyUsed) return
  if (isReadable(body)) body.cancel().catch(() => {})
  else (Object(body) as Partial<Readable>).destroy?.()
}

/** Of a foreign `fetch` a body may be missing, or a stream of Node's: such an answer is handed on as it is. */
function isReadable(body: ReadableStream | null | undefined): body is ReadableStream {
  return typeof body?.getReader === 'function'
}

/**
 * Waits for the body, up to `maxBytes` of it: an answer that breaks off in the middle is then a failed attempt, and not the
 * caller's problem. The caller's response is left as it is: a copy of it is read, and the bytes are kept for both.
 * Answers whether all of it was read.
 */
async function readAhead(response: Response, maxBytes: number): Promise<boolean> {
  if (maxBytes === 0 || isEventStream(response) || !isReadable(response.body)) return false
  const reader = response.clone().body?.getReader()
  let length = 0
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    length += read.value.byteLength
    // Resolves only when the caller's half is cancelled too, so it is not waited for.
    if (length > maxBytes) {
      reader?.cancel().catch(() => {})
      return false
    }
  }
  return true
}

function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
}
