import type { Runtime } from './runtime.ts'

/** Waits that end early together, when the engine closes. */
export interface Waits {
  /** Resolves after `ms`, when `subscribe` calls back, or when everything is woken; then it takes the subscription back. */
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
        // It may have called back at once, before there was anything to end.
        if (!waiting.has(end)) unsubscribe?.()
      }),
    wakeAll() {
      for (const end of [...waiting]) end()
    },
  }
}
