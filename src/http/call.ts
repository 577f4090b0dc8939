/** A header field: its name in lower case, and one of its values. */
export type HeaderField = readonly [name: string, value: string]

/** The request body: its exact bytes, or the value that the framework's parser made of them. */
export type HttpBody = { readonly bytes: Uint8Array } | { readonly parsed: unknown }

/** A request as the guard sees it; `Request` is the framework's own type. */
export interface HttpCall<Request = unknown> {
  /** In upper case. */
  readonly method: string
  /** Path and query as the client sent them, mounts included: `/api/orders?dry=1`. */
  readonly url: string
  readonly request: Request
  /** The value of a header by its lower-case name; several lines joined with `, `. */
  header(name: string): string | undefined
  /** Returns the body, which the handler can still read afterwards. `undefined` when it is longer than `maxBytes`. */
  body(maxBytes: number): Promise<HttpBody | undefined>
}

/** Why the bytes of an answer are not kept. */
export type Omitted =
  /** It is longer than `maxBodyBytes`. */
  | 'too-long'
  /** It never ends by itself: `text/event-stream`. */
  | 'event-stream'
  /** Its client left, and the handler stopped sending; or it was sent on the stream of HTTP/2, past the response. */
  | 'cut-off'
  /** `redact` threw or returned no valid reply, so it is unknown what may be stored: only the status is. */
  | 'not-redacted'
  /** An operator resolved the operation as done, without its answer. Never set for an answer of a handler. */
  | 'not-known'

/** An answer as the guard sees it, and as `outcome` and `redact` get it: of the handler, before it is stored. */
export interface HttpReply {
  readonly status: number
  readonly headers: readonly HeaderField[]
  /** `undefined` when it is `omitted`. */
  readonly body: Uint8Array | undefined
  readonly omitted?: Omitted
}
