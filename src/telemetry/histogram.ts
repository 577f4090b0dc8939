/** Upper bounds in seconds, from a claim in memory to a slow effect. */
export const BOUNDS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const

/** Durations, counted by how long they took. */
export class Histogram {
  /** How many were at most as long as the bound, but longer than the one before; the last: longer than all. */
  readonly #counts = new Array<number>(BOUNDS_S.length + 1).fill(0)
  #sum = 0

  record(seconds: number): void {
    this.#sum += seconds
    const at = BOUNDS_S.findIndex((bound) => seconds <= bound)
    const index = at === -1 ? BOUNDS_S.length : at
    this.#counts[index] = (this.#counts[index] as number) + 1
  }

  /** Lines of the text format, where each bucket counts those before it too. */
  lines(name: string, labels: string): readonly string[] {
    let count = 0
    const buckets = this.#counts.map((own, index) => {
      count += own
      return `${name}_bucket{${labels},le="${BOUNDS_S[index] ?? '+Inf'}"} ${count}`
    })
    return [...buckets, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${count}`]
  }
}
