import type { OutboxEntry } from '../core/store.ts'

/**
 * Returns the entries to publish in one call: at most `limit`, the oldest first, one per ordering key. An entry that is
 * left out still keeps back those behind it.
 */
export function nextWave(
  entries: Iterable<OutboxEntry>,
  limit: number,
  isLeftOut: (entry: OutboxEntry) => boolean = () => false,
): readonly OutboxEntry[] {
  const wave: OutboxEntry[] = []
  const taken = new Set<string>()
  for (const entry of entries) {
    if (wave.length >= limit) break
    const { orderingKey } = entry
    if (orderingKey !== undefined && taken.has(orderingKey)) continue
    if (orderingKey !== undefined) taken.add(orderingKey)
    if (!isLeftOut(entry)) wave.push(entry)
  }
  return wave
}
