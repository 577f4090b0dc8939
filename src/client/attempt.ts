import type { Readable } from 'node:stream'
import type { Runtime } from '../core/runtime.ts'
import { conflictCode } from './conflict.ts'
import { follow } from './following.ts'
import type { Fetch } from './types.ts'

/** How one attempt ended. `conflict`: the `code` in the problem document of a 409, if any. */
export type Tried =
  | { readonly kind: 'answered'; readonly response: Response; readonly conflict: string | undefined }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface AttemptLimits {
  readonly runtime: Runtime
  readonly timeoutMs: number
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  /** Up to how much of the answer's body to wait for. */
  readonly readAheadBytes: number
}

/** Makes one request. Settles within `timeoutMs`, even if `fetch` ignores its signal. */
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
    // While the rest of the body is arriving, the caller's signal must still abort it.
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

/** Discards an answer that will not be read, which frees its connection. */
export function discard(response: Response): void {
  const { body, bodyUsed } = response
  if (bodyUsed) return
  if (isReadable(body)) body.cancel().catch(() => {})
  else (Object(body) as Partial<Readable>).destroy?.()
}

/** Another `fetch` may return no body, or a Node stream: such an answer is passed on as it is. */
function isReadable(body: ReadableStream | null | undefined): body is ReadableStream {
  return typeof body?.getReader === 'function'
}

/**
 * Waits for up to `maxBytes` of the body, so that an answer that breaks off half-way is a failed attempt and not an
 * error for the caller. Reads a clone: the caller's response stays unread, and the bytes are kept for both. Returns
 * whether all of it was read.
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
