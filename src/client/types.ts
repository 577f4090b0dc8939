/** The type of `globalThis.fetch`, and of what `idempotentFetch` returns. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** The argument of the option `key`. */
export interface OutgoingRequest {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  /** The bytes that every attempt sends; `undefined` when there are none. */
  readonly body: Uint8Array | undefined
}

/** A call for later, as plain data. It fits the outbox: `messages.add(tx, call)`. */
export interface QueuedCall {
  /** The same for the same key, method, URL and body, so that a queue can drop duplicates. */
  readonly id: string
  readonly topic: string
  /** The body of the request. */
  readonly body: Uint8Array
  /** Method, URL and time under names that begin with `onlyonce-`, and the headers of the request that are kept. */
  readonly headers: Readonly<Record<string, string>>
}

/** The result of a queued call, in the form that the relay of the outbox expects. */
export type Redelivered =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      readonly permanent?: boolean
      readonly unknown?: boolean
      /** The server's `Retry-After`. */
      readonly retryAfterMs?: number
    }

/** The argument of `fallback`: the failed response, or the error if there was none. */
export type Failure =
  | { readonly response: Response; readonly reason: string }
  | { readonly error: unknown; readonly reason: string }
