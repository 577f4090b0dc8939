import type { OperationId } from './record.ts'

/** Wakes waiters for an operation in this process only, for stores that know of a change. Other processes poll. */
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
