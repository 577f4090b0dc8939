import type { OperationKey } from './key.ts'
import type { CacheOptions } from './options.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { Runtime } from './runtime.ts'

/** A result as the store had it. */
export interface Remembered {
  readonly result: StoredResult
  readonly fence: number
}

/** What is done, kept in this process so that duplicates cost no round trip. */
export interface ResultCache {
  /** The result that `named` has, if it is known here; of another payload only the store can judge. */
  get(named: OperationKey): Remembered | undefined
  /** Not of results that wait for a decision: those change. */
  put(named: OperationKey, remembered: Remembered, forMs: number): void
  drop(id: OperationId): void
}

interface Entry extends Remembered {
  readonly fingerprint: string
  readonly until: number
  readonly bytes: number
}

/** What an entry takes beside its result and fingerprint: measured on Node 20, rounded up. */
const ENTRY_BYTES = 400

/** The oldest entry goes first: each lives for a short time anyway, so that which one was asked for last matters little. */
export function createCache({ maxBytes, maxAgeMs }: CacheOptions, runtime: Runtime): ResultCache {
  const entries = new Map<OperationId, Entry>()
  let total = 0

  function drop(id: OperationId): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    total -= entry.bytes
  }

  return {
    get({ id, fingerprint }) {
      const entry = entries.get(id)
      if (entry === undefined || entry.fingerprint !== fingerprint) return undefined
      if (entry.until > runtime.elapsed()) return entry
      drop(id)
      return undefined
    },
    put({ id, fingerprint }, { result, fence }, forMs) {
      drop(id)
      const bytes = ENTRY_BYTES + result.body.length + fingerprint.length
      if (result.kind === 'unknown' || bytes > maxBytes) return
      entries.set(id, { fingerprint, result, fence, bytes, until: runtime.elapsed() + Math.min(forMs, maxAgeMs) })
      total += bytes
      while (total > maxBytes) drop(entries.keys().next().value as OperationId)
    },
    drop,
  }
}
