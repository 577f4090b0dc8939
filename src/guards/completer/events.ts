interface About {
  readonly scope: string
  readonly key: string
}

/** What a completer did with one operation. */
export type CompleterEvent =
  /** It is done. `ran`: by the handler; otherwise `onAbandoned` found that it had happened, or another owner did it. */
  | (About & { readonly type: 'completed'; readonly ran: boolean; readonly tookMs: number })
  /** The handler, or `onAbandoned`, threw. `final`: `onThrow` made the error the result; otherwise it is retried. */
  | (About & { readonly type: 'failed'; readonly error: unknown; readonly starts: number; readonly final: boolean })
  /** Another owner has it, or it is gone: nothing to do here. */
  | (About & { readonly type: 'passed-over'; readonly reason: string })
  /** It waits for an operator (`onlyonce keys resolve`), because `onAbandoned` is `'hold'`. */
  | (About & { readonly type: 'held' })
  /** It was started `maxStarts` times and never ended. `held`: it waits for an operator. */
  | (About & { readonly type: 'given-up'; readonly starts: number; readonly held: boolean })
  /** The store failed, for all records or those of `scope`. The next round tries again. */
  | { readonly type: 'store-failed'; readonly scope?: string; readonly error: unknown }

export type Tell = (event: CompleterEvent) => void
