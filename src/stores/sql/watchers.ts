import type { OperationId } from '../../core/record.ts'

/** Who waits for an operation in this process. Other processes are not told: their waiters poll. */
export interface Watchers {
  watch(id: OperationId, call: () => void): () => void
  wake(ids: Iterable<OperationId>): void
  clear(): void
}

export function createWatchers(): Watchers {
  const watchers = new Map<OperationId, Set<() => void>>()
  return {
    watch(id, call) {
      const calls = watchers.get(id) ?? new Set()
      watchers.set(id, calls.add(call))
      return () => {
        calls.delete(call)
        if (calls.size === 0 && watchers.get(id) === calls) watchers.delete(id)
      }
    },
    wake(ids) {
      if (watchers.size === 0) return
      for (const id of ids) for (const call of [...(watchers.get(id) ?? [])]) call()
    },
    clear() {
      watchers.clear()
    },
  }
}
