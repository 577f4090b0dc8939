/** The first offset of a partition, and the one after its last, as the broker reports them. */
export interface Ends {
  readonly partition: number
  readonly low: number
  readonly high: number
}

/** What was read of a topic: names for the last `window` offsets of each partition, and how far it was read. */
export interface Seen {
  /** Everything before it was read, or will not be. `undefined`: reading has not begun. */
  position(partition: number): number | undefined
  /** Positions of all partitions whose reading has begun. */
  positions(): ReadonlyMap<number, number>
  /** Starts new partitions at the last `window` offsets. */
  begin(ends: readonly Ends[]): void
  add(partition: number, offset: number, name: string): void
  remove(partition: number, name: string): void
  pass(partition: number, next: number): void
  /** Forgets what the broker has deleted and continues behind it: none of that will be delivered any more. */
  trim(ends: readonly Ends[]): void
  covers(ends: readonly Ends[]): boolean
  has(name: string): boolean
}

interface Part {
  next: number
  /** Maps a name to the offset of its last record, in the order of offsets. */
  readonly names: Map<string, number>
}

export function createSeen(window: number): Seen {
  const parts = new Map<number, Part>()

  function dropBefore({ names }: Part, floor: number): void {
    for (const [name, offset] of names) {
      if (offset >= floor) return
      names.delete(name)
    }
  }

  return {
    position: (partition) => parts.get(partition)?.next,
    positions: () => new Map([...parts].map(([partition, { next }]) => [partition, next])),
    begin(ends) {
      for (const { partition, low, high } of ends) {
        if (!parts.has(partition)) parts.set(partition, { next: Math.max(low, high - window), names: new Map() })
      }
    },
    add(partition, offset, name) {
      const part = parts.get(partition)
      if (part === undefined || offset < part.next) return
      // Moves it to the end of the order.
      part.names.delete(name)
      part.names.set(name, offset)
    },
    remove: (partition, name) => void parts.get(partition)?.names.delete(name),
    pass(partition, next) {
      const part = parts.get(partition)
      if (part === undefined || next <= part.next) return
      part.next = next
      dropBefore(part, next - window)
    },
    trim(ends) {
      for (const { partition, low } of ends) {
        const part = parts.get(partition)
        if (part === undefined) continue
        dropBefore(part, low)
        part.next = Math.max(part.next, low)
      }
    },
    covers: (ends) => ends.every(({ partition, high }) => (parts.get(partition)?.next ?? -1) >= high),
    has: (name) => [...parts.values()].some(({ names }) => names.has(name)),
  }
}
