import type { OutboxEntry } from '../core/store.ts'

/**
 * The entries to publish in one call: at most `limit`, the oldest first, one for each ordering key, none that waits
 * and none behind an entry of its ordering key that does.
 */
export function nextWave(
  entries: Iterable<OutboxEntry>,
  limit: number,
  waits: (entry: OutboxEntry) => boolean,
): readonly OutboxEntry[] {
  const wave: OutboxEntry[] = []
  const taken = new Set<string>()
  for (const entry of entries) {
    if (wave.length >= limit) break
    const { orderingKey } = entry
    if (orderingKey !== undefined && taken.has(orderingKey)) continue
    if (orderingKey !== undefined) taken.add(orderingKey)
    if (!waits(entry)) wave.push(entry)
  }
  return wave
}
