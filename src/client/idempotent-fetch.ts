import { OnlyonceError } from '../core/errors.ts'
import { logicalCall } from './call.ts'
import { createEndpoints } from './endpoints.ts'
import { teller } from './listening.ts'
import { type IdempotentFetchOptions, resolveClient } from './options.ts'
import { keep, plainEnd, swallow, worthKeeping } from './policies.ts'
import { redeliver } from './redeliver.ts'
import { checkFetch } from './rules.ts'
import { makeTries } from './tries.ts'
import type { Fetch } from './types.ts'
import { createWaitingRoom } from './waiting-room.ts'

/** A `fetch` whose attempts of one call share a key. Fits where a `fetch` is asked for. */
export interface IdempotentFetch extends AsyncDisposable {
  /**
   * Like `fetch`, with one key for all attempts of the call.
   * @throws OnlyonceError OPTION_INVALID, KEY_MISSING, KEY_INVALID, CLOSED, STORE_UNAVAILABLE; the last attempt's error
   */
  (input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** How many calls of the policy `failback` wait in this process. */
  readonly waiting: number
  /** Accepts no more calls, and drops the waiting ones with the event `dropped`. Calls in progress go on. */
  close(): Promise<void>
}

/**
 * Returns a `fetch` that retries where that is safe: all attempts of a call have the same key.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotentFetch(fetch: Fetch, given: IdempotentFetchOptions = {}): IdempotentFetch {
  checkFetch(fetch)
  const options = resolveClient(given)
  const endpoints = createEndpoints(options.endpoints)
  const { policy, keyHeader, replayedHeader, retry, attemptTimeoutMs, maxQueuedMs, runtime } = options
  const redelivering = { keyHeader, replayedHeader, retry, attemptTimeoutMs, maxQueuedMs, runtime }
  const room = createWaitingRoom(async (call, besides) => {
    const deliver = redeliver((url, init) => fetch(url, { ...besides, ...init }), redelivering)
    return (await deliver([call]))[0] ?? { ok: false, reason: '' }
  }, options)
  let closed = false

  async function idempotent(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    if (closed) throw new OnlyonceError('CLOSED', 'the client was closed; make a new one')
    const call = await logicalCall(input, init, options, endpoints)
    const tell = teller(options.onEvent, call)
    const ended = await makeTries(fetch, call, options, endpoints, tell)
    if (ended.verdict === 'failure') {
      if (policy === 'failsafe') return swallow(ended, options, tell)
      if (policy === 'failback' && worthKeeping(call)) return keep(call, ended, options, room, tell)
    }
    return plainEnd(ended)
  }

  const close = () => {
    closed = true
    return room.close()
  }
  const whole = Object.assign(idempotent, { waiting: 0, close, [Symbol.asyncDispose]: close })
  // `Object.assign` would read a getter once and copy its value.
  return Object.defineProperty(whole, 'waiting', { get: () => room.size })
}
