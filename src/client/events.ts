interface About {
  readonly method: string
  /** Without the query, which may hold what should not be logged. */
  readonly url: string
  /** As it was sent; `undefined` for a call without one. */
  readonly key: string | undefined
}

/** What happened to a call. */
export type ClientEvent = About &
  /** One attempt failed. The next one starts in `retryMs`; `undefined`: there is none. */
  (
    | {
        readonly type: 'attempt-failed'
        readonly attempt: number
        readonly reason: string
        readonly status: number | undefined
        readonly error: unknown
        readonly retryMs: number | undefined
      }
    /** The server answered with the result of an earlier attempt. */
    | { readonly type: 'replayed'; readonly attempt: number; readonly status: number }
    /** `failsafe`: the caller got a made-up answer. */
    | { readonly type: 'swallowed'; readonly reason: string }
    /** `failback`: kept for later; `durable` when your `queue` keeps it. */
    | { readonly type: 'queued'; readonly reason: string; readonly durable: boolean }
    /** A call that waited in this process was accepted. */
    | { readonly type: 'delivered' }
    /** A call that waited in this process was given up and will not be sent. */
    | { readonly type: 'dropped'; readonly reason: string }
  )

/** Called with every event of a client, before the call goes on. What it throws, or rejects with, is ignored. */
export type ClientListener = (event: ClientEvent) => void
