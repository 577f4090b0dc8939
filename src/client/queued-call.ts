import { fingerprintOf } from '../core/fingerprint.ts'
import { operationId } from '../core/key.ts'
import type { Runtime } from '../core/runtime.ts'
import type { LogicalCall } from './call.ts'
import type { QueuedCall } from './types.ts'

/** The topic of every queued call. */
export const FAILBACK_TOPIC = 'onlyonce.failback'

const METHOD = 'onlyonce-method'
const URL_HEADER = 'onlyonce-url'
const AT = 'onlyonce-queued-at'
const OURS: readonly string[] = [METHOD, URL_HEADER, AT]

/** Converts a call to plain data, with those of its headers that `keeps` accepts. */
export function queuedCall(call: LogicalCall, runtime: Runtime, keeps: (header: string) => boolean): QueuedCall {
  const { method, url, headers, key, bytes } = call
  const body = bytes ?? new Uint8Array()
  const kept = [...headers].filter(([name]) => !OURS.includes(name) && keeps(name))
  return {
    id: key === undefined ? runtime.token() : operationId(`${method} ${url.href} ${fingerprintOf(body)}`, key),
    topic: FAILBACK_TOPIC,
    body,
    headers: {
      ...Object.fromEntries(kept),
      ...{ [METHOD]: method, [URL_HEADER]: url.href, [AT]: new Date(runtime.now()).toISOString() },
    },
  }
}

/** Returns the call in the place of the one that waits: the server has known the key since that was queued. */
export function inPlaceOf(waiting: QueuedCall, call: QueuedCall): QueuedCall {
  return { ...call, headers: { ...call.headers, [AT]: waiting.headers[AT] as string } }
}

/** A call from a queue, ready to be sent. */
export interface ReadCall {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly queuedAt: number
}

/** Returns `undefined` when it is not one of our calls. */
export function readCall({ headers }: Pick<QueuedCall, 'headers'>): ReadCall | undefined {
  const method = headers[METHOD]
  const url = headers[URL_HEADER]
  const queuedAt = Date.parse(headers[AT] ?? '')
  if (method === undefined || url === undefined || !URL.canParse(url) || Number.isNaN(queuedAt)) return undefined
  const sent = headersOf(Object.entries(headers).filter(([name]) => !OURS.includes(name)))
  return sent && { method, url: new URL(url), headers: sent, queuedAt }
}

/** Returns `undefined` when they are not valid headers. */
export function headersOf(given: ConstructorParameters<typeof Headers>[0]): Headers | undefined {
  try {
    return new Headers(given)
  } catch {
    return undefined
  }
}
