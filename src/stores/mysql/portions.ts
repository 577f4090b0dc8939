/** Limits of one statement, which holds its locks until it ends. */
const MAX_BATCH = 500
const MAX_BATCH_BYTES = 4 * 1024 * 1024

/** Sorts by id, the order in which all batches take their locks. */
export function sorted<Item>(items: readonly Item[], named: (item: Item) => { readonly id: string }): readonly Item[] {
  return [...items].sort((a, b) => (named(a).id < named(b).id ? -1 : 1))
}

/** Splits items into batches for one statement each, of at most `room` bytes. */
export function* batches<Item>(
  items: readonly Item[],
  size: (item: Item) => number = () => 0,
  room = MAX_BATCH_BYTES,
): Generator<readonly Item[]> {
  const most = Math.min(room, MAX_BATCH_BYTES)
  let batch: Item[] = []
  let bytes = 0
  for (const item of items) {
    const more = size(item)
    if (batch.length === MAX_BATCH || (batch.length > 0 && bytes + more > most)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += more
  }
  if (batch.length > 0) yield batch
}
