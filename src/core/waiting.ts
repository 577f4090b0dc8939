import type { Runtime } from './runtime.ts'

/** Waits that all end early when the engine closes. */
export interface Waits {
  /** Resolves after `ms`, when `subscribe` calls back, or at `wakeAll`, whichever is first; then it unsubscribes. */
  wait(ms: number, subscribe?: (wake: () => void) => (() => void) | undefined): Promise<void>
  wakeAll(): void
}

export function createWaits(runtime: Runtime): Waits {
  const waiting = new Set<() => void>()
  return {
    wait: (ms, subscribe) =>
      new Promise((resolve) => {
        let unsubscribe: (() => void) | undefined
        const end = () => {
          if (!waiting.delete(end)) return
          cancel()
          unsubscribe?.()
          resolve()
        }
        waiting.add(end)
        const cancel = runtime.after(Math.max(ms, 0), end)
        unsubscribe = subscribe?.(end)
        // It may have called back at once, before `unsubscribe` was set.
        if (!waiting.has(end)) unsubscribe?.()
      }),
    wakeAll() {
      for (const end of [...waiting]) end()
    },
  }
}
