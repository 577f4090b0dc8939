import { refuseUnknown } from '../core/options.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import { attempt, discard, type Tried } from './attempt.ts'
import { wasCarriedOut } from './conflict.ts'
import { headersOf, readCall } from './queued-call.ts'
import { reasonFor } from './reason.ts'
import { checkNumbers, functionRule, headerName } from './rules.ts'
import type { Fetch, QueuedCall, Redelivered } from './types.ts'
import { judge } from './verdict.ts'

type HeadersLike = ConstructorParameters<typeof Headers>[0]

export interface RedeliverOptions {
  /** Headers to add: credentials, which are not kept in a queue. Asked for each call, so that they are fresh. */
  readonly headers?: (call: { readonly method: string; readonly url: string }) => HeadersLike | Promise<HeadersLike>
  /** Default `'idempotency-key'`, as the client that queued the calls has it. */
  readonly keyHeader?: string
  /** Default `'idempotency-replayed'`. */
  readonly replayedHeader?: string
  /** As of the client: whether an answer is worth another attempt. */
  readonly retry?: (response: Response) => boolean | undefined
  /** Default 10 000. */
  readonly attemptTimeoutMs?: number
  /** Default 43 200 000, 12 hours. Older calls are given up: shorter than the server remembers keys. */
  readonly maxQueuedMs?: number
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

/** The part of a queued call that is needed to send it. */
export type Redeliverable = Pick<QueuedCall, 'headers' | 'body'>

const KNOWN = ['headers', 'keyHeader', 'replayedHeader', 'retry', 'attemptTimeoutMs', 'maxQueuedMs', 'runtime']

/**
 * Sends calls that the policy `failback` queued, and answers for each in their order. It makes one attempt: when to try
 * again is the queue's business. Fits the relay of the outbox: `relay({ store, publish: redeliver(fetch) })`.
 * @throws OnlyonceError OPTION_INVALID
 */
export function redeliver(
  fetch: Fetch,
  options: RedeliverOptions = {},
): (batch: readonly Redeliverable[]) => Promise<readonly Redelivered[]> {
  refuseUnknown(options, KNOWN)
  const { attemptTimeoutMs: timeoutMs, maxQueuedMs } = checkNumbers(
    { attemptTimeoutMs: 10_000, maxQueuedMs: 12 * 3_600_000 },
    options,
  )
  const { runtime = systemRuntime, headers: more = () => ({}) } = options
  const keyHeader = headerName('keyHeader', options.keyHeader ?? 'idempotency-key')
  for (const name of ['headers', 'retry'] as const) functionRule(name, options[name])
  const replayedHeader = headerName('replayedHeader', options.replayedHeader ?? 'idempotency-replayed')
  const judging = { replayedHeader, retry: options.retry ?? (() => undefined) }

  async function send(message: Redeliverable): Promise<Redelivered> {
    const call = readCall(message)
    if (call === undefined) return permanent('it is not a call that was queued by the policy failback')
    const { method, url, headers, queuedAt, body } = call
    // A server that has forgotten the key would take the call for a new one.
    if (runtime.now() - queuedAt > maxQueuedMs) return permanent(`it was queued more than ${maxQueuedMs} ms ago`)
    const added = headersOf(await more({ method, url: url.href }))
    // Why is not told: the error has the credential in it, and the reason is kept in the queue.
    if (added === undefined) return { ok: false, reason: 'the option `headers` answered what are no headers' }
    for (const [name, value] of added) headers.set(name, value)
    // As a blob it can be sent a second time, after a redirect.
    const init = { method, headers, ...(body.byteLength === 0 ? {} : { body: new Blob([body]) }) }
    const tried = await attempt(fetch, url, init, { runtime, timeoutMs, signal: undefined, readAheadBytes: 0 })
    const reason = reasonFor(tried)
    const verdict = judge(tried, { ...judging, keyed: headers.has(keyHeader) })
    if (tried.kind === 'answered') discard(tried.response)
    if (verdict === 'failure' || tried.kind === 'failed')
      return isUnknown(tried) ? { ok: false, reason, unknown: true } : { ok: false, reason }
    return tried.response.status < 400 || wasCarriedOut(tried.conflict) ? { ok: true } : permanent(reason)
  }

  return (batch) => Promise.all(batch.map((one) => send(one).catch(unsendable)))
}

/** The server may have carried it out, or may be about to. */
function isUnknown(tried: Tried): boolean {
  if (tried.kind === 'failed') return true
  const { status } = tried.response
  return status === 408 || status === 409 || status >= 500
}

function permanent(reason: string): Redelivered {
  return { ok: false, reason, permanent: true }
}

/** `headers` threw, or answered what are none: that may pass. */
function unsendable(error: unknown): Redelivered {
  return { ok: false, reason: reasonFor({ kind: 'failed', error }) }
}
