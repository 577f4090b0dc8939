import { types } from 'node:util'
import { aFunction, aRuntime, checkEach, invalidOption, positiveOver, refuseUnknown } from '../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import { attempt, discard, type Tried } from './attempt.ts'
import { wasCarriedOut } from './conflict.ts'
import { headersOf, readCall } from './queued-call.ts'
import { reasonFor } from './reason.ts'
import { askedMs } from './retry-after.ts'
import { checkFetch, headerName } from './rules.ts'
import type { Fetch, QueuedCall, Redelivered } from './types.ts'
import { judge } from './verdict.ts'

type HeadersLike = ConstructorParameters<typeof Headers>[0]

/** Options of `redeliver`. The header, time limit and `retry` should be those of the client that queued the calls. */
export interface RedeliverOptions {
  /**
   * Default: none. Headers to add: credentials, which are not kept in a queue. Called for each call, so that they are
   * fresh.
   */
  readonly headers?: (call: { readonly method: string; readonly url: string }) => HeadersLike | Promise<HeadersLike>
  /** Default `'idempotency-key'`. Must be that of the client that queued the calls. */
  readonly keyHeader?: string
  /** Default `'idempotency-replayed'`. The header by which the server marks a replay. */
  readonly replayedHeader?: string
  /**
   * Default: as that of `idempotentFetch`. Whether an answer is worth another attempt; `undefined`: the default
   * decides.
   */
  readonly retry?: (response: Response) => boolean | undefined
  /** Default 10 000. How long one attempt may take; then it is unknown whether the server has the call. */
  readonly attemptTimeoutMs?: number
  /** Default 43 200 000, 12 hours. Older calls are given up. Keep it shorter than the server remembers keys. */
  readonly maxQueuedMs?: number
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

/** The part of a queued call that is needed to send it. */
export type Redeliverable = Pick<QueuedCall, 'headers' | 'body'>

const KNOWN = ['headers', 'keyHeader', 'replayedHeader', 'retry', 'attemptTimeoutMs', 'maxQueuedMs', 'runtime']

/**
 * Sends calls that the policy `failback` queued, and returns their results in the same order. Makes one attempt: the
 * queue decides when to try again. Fits the relay of the outbox: `relay({ store, publish: redeliver(fetch) })`.
 * @throws OnlyonceError OPTION_INVALID
 */
export function redeliver(
  fetch: Fetch,
  given: RedeliverOptions = {},
): (batch: readonly Redeliverable[]) => Promise<readonly Redelivered[]> {
  checkFetch(fetch)
  refuseUnknown(given, KNOWN)
  const options = Object(given) as RedeliverOptions
  const { attemptTimeoutMs: timeoutMs, maxQueuedMs } = positiveOver(
    { attemptTimeoutMs: 10_000, maxQueuedMs: 12 * 3_600_000 },
    options,
  )
  const { runtime = systemRuntime, headers: more = () => ({}) } = options
  const keyHeader = headerName('keyHeader', options.keyHeader ?? 'idempotency-key')
  checkEach(aFunction, { headers: options.headers, retry: options.retry })
  checkEach(aRuntime, { runtime })
  const replayedHeader = headerName('replayedHeader', options.replayedHeader ?? 'idempotency-replayed')
  const judging = { replayedHeader, retry: options.retry ?? (() => undefined) }

  async function send(message: Redeliverable): Promise<Redelivered> {
    const call = readCall(message)
    if (call === undefined) return permanent('it is not a call that was queued by the policy failback')
    const { method, url, headers, queuedAt } = call
    // Bytes that went through JSON would become no body at all, and text in their place another one.
    if (!types.isUint8Array(message.body))
      return permanent('its body is not a Uint8Array: a queue that keeps text has to make bytes of it again')
    const body = Uint8Array.from(message.body)
    // A server that has forgotten the key would take the call for a new one.
    if (runtime.now() - queuedAt > maxQueuedMs) return permanent(`it was queued more than ${maxQueuedMs} ms ago`)
    const added = headersOf(await more({ method, url: url.href }))
    // The cause is left out: that error contains the credential, and queues store the reason.
    if (added === undefined) return { ok: false, reason: 'the option `headers` answered what are no headers' }
    for (const [name, value] of added) headers.set(name, value)
    // A Blob can be sent a second time, after a redirect.
    const init = { method, headers, ...(body.byteLength === 0 ? {} : { body: new Blob([body]) }) }
    const tried = await attempt(fetch, url, init, { runtime, timeoutMs, signal: undefined, readAheadBytes: 0 })
    return endOf(tried, headers.has(keyHeader))
  }

  function endOf(tried: Tried, keyed: boolean): Redelivered {
    const reason = reasonFor(tried)
    try {
      if (judge(tried, { ...judging, keyed }) === 'failure' || tried.kind === 'failed') {
        const retryAfterMs = askedMs(tried, runtime)
        const told = { ...(isUnknown(tried) ? { unknown: true } : {}), ...(retryAfterMs > 0 ? { retryAfterMs } : {}) }
        return { ok: false, reason, ...told }
      }
      return tried.response.status < 400 || wasCarriedOut(tried.conflict) ? { ok: true } : permanent(reason)
    } catch (error) {
      // `retry` threw, so it is unknown whether that was a good answer.
      return { ...thrown(error), unknown: true }
    } finally {
      if (tried.kind === 'answered') discard(tried.response)
    }
  }

  return async (batch) => {
    if (!Array.isArray(batch)) throw invalidOption('batch', 'must be a list of calls, also of one', batch)
    return Promise.all(batch.map((one: Redeliverable) => send(one).catch(thrown)))
  }
}

/** Whether the server may have carried out the call, or may still do so. */
function isUnknown(tried: Tried): boolean {
  if (tried.kind === 'failed') return true
  const { status } = tried.response
  return status === 408 || status === 409 || status >= 500
}

function permanent(reason: string): Redelivered {
  return { ok: false, reason, permanent: true }
}

/** For errors of `headers` and `retry`, which may pass: not permanent. */
function thrown(error: unknown) {
  return { ok: false, reason: reasonFor({ kind: 'failed', error }) } as const
}
