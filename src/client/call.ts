import { OnlyonceError } from '../core/errors.ts'
import { timeLimit } from '../core/time-limit.ts'
import { newUuid } from '../core/uuid.ts'
import { bytesOf } from './body.ts'
import type { Endpoints } from './endpoints.ts'
import { forMany } from './following.ts'
import { checkOwnKey, headerOf } from './keys.ts'
import type { ResolvedClient } from './options.ts'

/** One call, as every attempt sends it. */
export interface LogicalCall {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  /** As sent in the header. */
  readonly key: string | undefined
  /** Whether a second attempt cannot be a second effect: by its method, or by its key. */
  readonly repeatable: boolean
  readonly bytes: Uint8Array<ArrayBuffer> | undefined
  readonly init: RequestInit
  readonly signal: AbortSignal | undefined
  /** When the time for the call is over, by the runtime's `elapsed()`. */
  readonly deadline: number
}

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']

/** What `fetch` reads of a Request, or of its options, besides method, URL, headers, body and signal. */
const OF_REQUEST = [
  'cache',
  'credentials',
  'integrity',
  'keepalive',
  'mode',
  'redirect',
  'referrer',
  'referrerPolicy',
] as const

/**
 * Reads the caller's arguments once, so that bytes and key stay the same on every attempt.
 * @throws OnlyonceError OPTION_INVALID, KEY_MISSING, KEY_INVALID; the reason of an aborted signal; a TimeoutError
 */
export async function logicalCall(
  input: string | URL | Request,
  given: RequestInit | undefined,
  options: ResolvedClient,
  endpoints: Endpoints,
): Promise<LogicalCall> {
  const { deadlineMs, runtime, maxBodyBytes } = options
  const deadline = runtime.elapsed() + deadlineMs
  const request = input instanceof Request ? input : undefined
  const { method: asked, headers: _, body: own, signal: ownSignal, ...rest } = given ?? {}
  const method = (asked ?? request?.method ?? 'GET').toUpperCase()
  const url = endpoints.resolve(request?.url ?? String(input))
  const headers = new Headers(given?.headers ?? request?.headers)
  const signal = (ownSignal === undefined ? request?.signal : ownSignal) ?? undefined
  signal?.throwIfAborted()
  forMany(signal)

  const source = (own === undefined ? request?.body : own) ?? undefined
  const asksKey = options.key !== undefined && needsKey(method, headers, options)
  const again = options.maxAttempts > 1 || options.policy === 'failback'
  let bytes: LogicalCall['bytes']
  if (source !== undefined && (again || asksKey)) {
    const late = new AbortController()
    const tooLong = () => bodyTooLong(`${method} ${url.origin}${url.pathname}`, maxBodyBytes, again)
    const reading = bytesOf(source, maxBodyBytes, tooLong, [signal, late.signal])
    const read = await timeLimit(runtime, reading, deadlineMs, () => {
      const message = `the body of the request did not end within ${deadlineMs} ms`
      late.abort(new DOMException(message, 'TimeoutError'))
      return late.signal.reason
    })
    bytes = read.bytes
    if (read.type !== null && !headers.has('content-type')) headers.set('content-type', read.type)
  }

  const key = keyOf({ method, url, headers, bytes }, options)
  if (key !== undefined) headers.set(options.keyHeader, key)
  // A stream or async iterable that is sent once is passed on unread; `fetch` then requires `duplex`.
  const isStream = typeof source === 'object' && Symbol.asyncIterator in source
  const streamed = isStream && bytes === undefined ? { duplex: 'half' as const } : {}
  // Not the bytes themselves: `fetch` of Node 20 loses them when it has to send them again to another URL (307, 308).
  const body = bytes === undefined ? source : new Blob([bytes])
  return {
    ...{ method, url, headers, key, bytes, signal, deadline },
    repeatable: key !== undefined || IDEMPOTENT.includes(method),
    init: {
      ...rest,
      ...membersOf(request),
      ...membersOf(given),
      ...streamed,
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    },
  }
}

/** A spread would lose them, because those of a Request are inherited, and `fetch` takes one as its options, too. */
function membersOf(given: Request | RequestInit | undefined): RequestInit {
  const members = Object(given) as Readonly<Record<string, unknown>>
  const entries = OF_REQUEST.map((name) => [name, members[name]] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** Whether the call is one of those that get a key, and has none yet. */
function needsKey(method: string, headers: Headers, { keyHeader, methods }: ResolvedClient): boolean {
  return !headers.get(keyHeader) && methods.includes(method)
}

function bodyTooLong(what: string, maxBodyBytes: number, again: boolean): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `the body of ${what} is longer than \`maxBodyBytes\` (${maxBodyBytes}) and cannot be ` +
      (again
        ? "kept for a retry; raise it, or use the policy 'failfast', which sends it once"
        : 'given to `key`; raise it, or send the key in the header'),
  )
}

function keyOf(
  { method, url, headers, bytes }: Pick<LogicalCall, 'method' | 'url' | 'headers' | 'bytes'>,
  options: ResolvedClient,
): string | undefined {
  const { key, keyHeader, keyFormat, runtime } = options
  const own = headers.get(keyHeader) || undefined
  if (own !== undefined) checkOwnKey(keyHeader, own)
  if (!needsKey(method, headers, options)) return own
  const name =
    key === undefined ? newUuid(runtime) : key({ method, url: url.href, headers: new Headers(headers), body: bytes })
  return name === undefined ? undefined : headerOf(name, keyFormat)
}
