import type { OperationId } from '../../core/record.ts'
import type { Judge } from './judge.ts'
import type { Run } from './ledger.ts'
import type { World } from './world.ts'

/** The world that effects change. It can be asked what happened, and refuses owners older than one it has seen. */
export class Outside {
  readonly #world: World
  readonly #judge: Judge
  readonly #onlyOnce: boolean
  /** The largest fence seen, the fence of the last request carried out, and what happened, by generation. */
  readonly #known = new Map<OperationId, { floor: number; doneBy: number; happened: Map<number, unknown> }>()

  constructor(world: World, judge: Judge, onlyOnce: boolean) {
    this.#world = world
    this.#judge = judge
    this.#onlyOnce = onlyOnce
  }

  /**
   * Carries out a request, unless it has seen a newer owner; a request that arrives twice counts as one. Returns
   * whether it was carried out.
   */
  does(run: Run, value: unknown): 'done' | 'stale' {
    const outside = this.#of(run.id)
    if (run.fence < outside.floor) {
      this.#world.count('state: stale effect refused by its fence')
      return 'stale'
    }
    outside.floor = run.fence
    const generation = this.#generation(run.id, run.fence)
    if (outside.doneBy === run.fence) return 'done'
    outside.doneBy = run.fence
    if (outside.happened.has(generation)) {
      if (this.#onlyOnce) this.#wrong('I1', run.id, 'the outside world was changed twice')
      this.#world.count('state: effect repeated')
    }
    outside.happened.set(generation, value)
    return 'done'
  }

  /** Returns whether the operation happened; the asking fence shuts out all smaller ones. */
  ask(id: OperationId, fence: number): { happened: true; value: unknown } | { happened: false } {
    const outside = this.#of(id)
    outside.floor = Math.max(outside.floor, fence)
    const generation = this.#generation(id, fence)
    const happened = outside.happened.has(generation)
    this.#world.count(happened ? 'state: reconciled, had happened' : 'state: reconciled, had not')
    return happened ? { happened, value: outside.happened.get(generation) } : { happened }
  }

  #generation(id: OperationId, fence: number): number {
    return this.#judge.known(id)?.fences.get(fence) ?? -1
  }

  #of(id: OperationId) {
    const outside = this.#known.get(id) ?? { floor: 0, doneBy: 0, happened: new Map<number, unknown>() }
    this.#known.set(id, outside)
    return outside
  }

  #wrong(invariant: string, id: OperationId, message: string): void {
    this.#world.violate(invariant, `operation ${id.slice(0, 8)}: ${message}`)
  }
}
