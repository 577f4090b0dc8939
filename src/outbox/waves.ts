import type { OutboxEntry } from '../core/store.ts'

/** Returns the entries to publish in one call: at most `limit`, the oldest first, one per ordering key. */
export function nextWave(entries: Iterable<OutboxEntry>, limit: number): readonly OutboxEntry[] {
  const wave: OutboxEntry[] = []
  const taken = new Set<string>()
  for (const entry of entries) {
    if (wave.length >= limit) break
    const { orderingKey } = entry
    if (orderingKey !== undefined && taken.has(orderingKey)) continue
    if (orderingKey !== undefined) taken.add(orderingKey)
    wave.push(entry)
  }
  return wave
}
