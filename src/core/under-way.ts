/** Calls that were begun and have not ended, for a `close` that waits for them. */
export interface UnderWay {
  /** Returns the call that it was given. */
  add<T>(call: Promise<T>): Promise<T>
  /** Resolves when those that are under way now have ended, however they do. */
  ended(): Promise<void>
}

export function createUnderWay(): UnderWay {
  const begun = new Set<Promise<unknown>>()
  return {
    add(call) {
      const over: Promise<unknown> = call.catch(() => {}).then(() => begun.delete(over))
      begun.add(over)
      return call
    },
    async ended() {
      await Promise.all(begun)
    },
  }
}
