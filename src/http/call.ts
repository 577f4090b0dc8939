/** A header field: its name in lower case, and one of its values. */
export type HeaderField = readonly [name: string, value: string]

/** What a client sent: the exact bytes, or what the framework has made of them already. */
export type HttpBody = { readonly bytes: Uint8Array } | { readonly parsed: unknown }

/** A request, as the guard sees it; `Request` is the framework's own. */
export interface HttpCall<Request = unknown> {
  /** In upper case. */
  readonly method: string
  /** Path and query as the client sent them, mounts included: `/api/orders?dry=1`. */
  readonly url: string
  readonly request: Request
  /** The value of a header by its lower-case name; several lines joined with `, `. */
  header(name: string): string | undefined
  /** The body, still there for the handler afterwards. `undefined` when it is longer than `maxBytes`. */
  body(maxBytes: number): Promise<HttpBody | undefined>
}

/** Why the bytes of an answer are not kept. */
export type Omitted =
  /** It is longer than `maxBodyBytes`. */
  | 'too-long'
  /** It never ends by itself: `text/event-stream`. */
  | 'event-stream'
  /** Its client left, and the handler stopped sending. */
  | 'cut-off'
  /** `redact` threw, so it is not known what of it may be stored. */
  | 'not-redacted'
  /** A person said that the operation happened, and not how it was answered. Nothing that a handler sends is marked so. */
  | 'not-known'

export interface HttpReply {
  readonly status: number
  readonly headers: readonly HeaderField[]
  /** `undefined` when it is `omitted`. */
  readonly body: Uint8Array | undefined
  readonly omitted?: Omitted
}

export function headerOf({ headers }: Pick<HttpReply, 'headers'>, name: string): string | undefined {
  return headers.find(([one]) => one === name)?.[1]
}
