interface About {
  readonly scope: string
  readonly key: string
}

/** What a completer did, told operation by operation. */
export type CompleterEvent =
  /** It is done now. `ran`: by the handler; otherwise `onAbandoned` found that it had happened, or somebody else was first. */
  | (About & { readonly type: 'completed'; readonly ran: boolean; readonly tookMs: number })
  /** The handler, or `onAbandoned`, threw. `final`: `onThrow` made the error the result; otherwise it is tried again. */
  | (About & { readonly type: 'failed'; readonly error: unknown; readonly starts: number; readonly final: boolean })
  /** Somebody else has it, or it is gone: nothing to do here. */
  | (About & { readonly type: 'passed-over'; readonly reason: string })
  /** It waits for a person now (`onlyonce keys resolve`), because `onAbandoned` says so. */
  | (About & { readonly type: 'held' })
  /** It was started `maxStarts` times and never ended. `held`: it waits for a person now. */
  | (About & { readonly type: 'given-up'; readonly starts: number; readonly held: boolean })
  /** The store could not be asked, or not for the records of `scope`. All is tried again in the next round. */
  | { readonly type: 'store-failed'; readonly scope?: string; readonly error: unknown }

export type Tell = (event: CompleterEvent) => void
