/** A process in which events may happen. */
export interface Home {
  readonly name: string
  /** False once it has crashed: then nothing happens in it any more. */
  readonly alive: boolean
  /** Whether the event may happen now; if not, the process has dropped it or kept it for later. */
  admits(event: SimEvent): boolean
}

/** One thing that happens at one moment, in the process `life`, or in the world if that is undefined. */
export interface SimEvent {
  at: number
  /** Drawn when the event was made: chance decides the order of events at the same moment. */
  tie: number
  readonly order: number
  readonly label: string
  readonly life: Home | undefined
  readonly run: () => void
  cancelled: boolean
}

/** A binary heap by time, then by tie, then by insertion order. */
export class EventQueue {
  readonly #heap: SimEvent[] = []

  get size(): number {
    return this.#heap.length
  }

  push(event: SimEvent): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(event, heap[parent] as SimEvent)) break
      heap[index] = heap[parent] as SimEvent
      index = parent
    }
    heap[index] = event
  }

  /** The next event that was not cancelled. */
  pop(): SimEvent | undefined {
    for (;;) {
      const event = this.#take()
      if (event === undefined || !event.cancelled) return event
    }
  }

  #take(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child++
      if (!before(heap[child] as SimEvent, last)) break
      heap[index] = heap[child] as SimEvent
      index = child
    }
    heap[index] = last
    return first
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  if (a.at !== b.at) return a.at < b.at
  return a.tie === b.tie ? a.order < b.order : a.tie < b.tie
}
