import type { OperationKey } from './key.ts'
import type { CacheOptions } from './options.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { Runtime } from './runtime.ts'

/** A result as the store holds it. */
export interface Remembered {
  readonly result: StoredResult
  readonly fence: number
}

/** Results of done operations, kept in this process so that duplicates cost no round trip. */
export interface ResultCache {
  /** The cached result of `named`; `undefined` also for another fingerprint, which only the store can judge. */
  get(named: OperationKey): Remembered | undefined
  /** Number of `drop` calls so far. */
  readonly drops: number
  /**
   * Results awaiting a decision are not cached, because they change. Nothing is cached if a `drop` happened since
   * `drops` was read: the store's answer may predate it.
   */
  put(named: OperationKey, remembered: Remembered, forMs: number, drops: number): void
  drop(id: OperationId): void
}

interface Entry extends Remembered {
  readonly fingerprint: string
  readonly until: number
  readonly bytes: number
}

/** Memory of an entry beside its result and fingerprint: measured on Node 20, rounded up. */
const ENTRY_BYTES = 600

/** Evicts the oldest entry first, not the least recently used: entries live for a short time anyway. */
export function createCache({ maxBytes, maxAgeMs }: CacheOptions, runtime: Runtime): ResultCache {
  const entries = new Map<OperationId, Entry>()
  let total = 0
  let drops = 0

  function remove(id: OperationId): void {
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
      remove(id)
      return undefined
    },
    get drops() {
      return drops
    },
    put({ id, fingerprint }, { result, fence }, forMs, asOf) {
      if (asOf !== drops) return
      remove(id)
      const bytes = ENTRY_BYTES + result.body.length + fingerprint.length
      if (result.kind === 'unknown' || bytes > maxBytes) return
      const until = runtime.elapsed() + Math.min(forMs, maxAgeMs)
      // A copy: small results are views of a pool of Node.js, which each of them would keep whole.
      const kept = { kind: result.kind, body: new Uint8Array(result.body) }
      entries.set(id, { fingerprint, result: kept, fence, bytes, until })
      total += bytes
      while (total > maxBytes) remove(entries.keys().next().value as OperationId)
    },
    drop(id) {
      drops++
      remove(id)
    },
  }
}
