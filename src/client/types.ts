/** What `globalThis.fetch` is, and what is given back. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** What a `key` function is told about a call. */
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

/** What became of a queued call. It is what the relay of the outbox wants to hear. */
export type Redelivered =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly permanent?: boolean; readonly unknown?: boolean }

/** What `failsafe` is told: the answer nobody wanted, or the error instead of one. */
export type Failure =
  | { readonly response: Response; readonly reason: string }
  | { readonly error: unknown; readonly reason: string }
