import { encodeResult } from '../../core/codec.ts'
import type { Operation, Outcome } from '../../core/once.ts'
import type { OperationId, StoredResult } from '../../core/record.ts'
import type { Judge } from './judge.ts'
import type { Mode, Promises } from './scenario.ts'
import type { Life } from './worker.ts'
import type { World } from './world.ts'

/** One start of an effect. */
export interface Run {
  readonly id: OperationId
  readonly fence: number
  readonly life: string
  readonly fingerprint: string
  ended: 'not yet' | 'value' | 'throw'
}

/** What the effects did and what the callers were told; checks both against what the store's judge saw. */
export class Ledger {
  readonly #world: World
  readonly #judge: Judge
  readonly #promises: Promises
  readonly #mode: Mode
  readonly #runs = new Map<OperationId, Run[]>()
  readonly #toldLost = new Set<string>()
  /** The fence under which each step was saved first. */
  readonly #savedSteps = new Map<string, number>()
  /** What the outside world remembers: the largest fence it saw, whose request it carried out, and what happened, by generation. */
  readonly #outside = new Map<OperationId, { floor: number; doneBy: number; happened: Map<number, unknown> }>()

  constructor(world: World, judge: Judge, mode: Mode, promises: Promises) {
    this.#world = world
    this.#judge = judge
    this.#mode = mode
    this.#promises = promises
  }

  started(life: Life, id: OperationId, op: Operation, fingerprint: string): Run {
    const known = this.#judge.known(id)
    const runs = this.#runs.get(id) ?? []
    this.#runs.set(id, runs)
    const generation = known?.fences.get(op.fence)
    if (generation === undefined)
      this.#wrong('I14', id, `an effect ran with fence ${op.fence}, which was never granted`)
    if (runs.some((run) => run.fence === op.fence)) this.#wrong('I1', id, `two effects ran with fence ${op.fence}`)
    if (this.#toldLost.has(`${id} ${op.fence}`)) this.#wrong('I3', id, 'an effect started after its lease was lost')
    if (known?.fence === op.fence && known.fingerprint !== fingerprint) this.#wrong('I6', id, 'another payload ran')
    if (this.#promises.atMostOneStart) {
      const before = runs.filter((run) => known?.fences.get(run.fence) === generation)
      const unclear = before.find((run) => run.ended !== 'throw')
      if (unclear !== undefined) this.#wrong('I1', id, `run again although ${unclear.life} did not fail cleanly`)
    }
    const run: Run = { id, fence: op.fence, life: life.name, fingerprint, ended: 'not yet' }
    runs.push(run)
    this.#world.count('effects')
    if (this.#world.trace !== undefined) {
      this.#world.note(`${life.name} EFFECT of ${id.slice(0, 8)} starts, attempt ${op.attempt}, fence ${op.fence}`)
    }
    return run
  }

  ended(run: Run, how: 'value' | 'throw'): void {
    run.ended = how
    if (this.#world.trace !== undefined) this.#world.note(`${run.life} EFFECT of ${run.id.slice(0, 8)} ends: ${how}`)
  }

  /**
   * The outside world does what it is asked, unless it has heard of a newer owner; a request that arrives twice is one
   * request. Answers what it did.
   */
  outsideDoes(run: Run, value: unknown): 'done' | 'stale' {
    const outside = this.#outsideOf(run.id)
    if (run.fence < outside.floor) {
      this.#world.count('state: stale effect refused by its fence')
      return 'stale'
    }
    outside.floor = run.fence
    const generation = this.#generation(run.id, run.fence)
    if (outside.doneBy === run.fence) return 'done'
    outside.doneBy = run.fence
    if (outside.happened.has(generation)) {
      if (this.#promises.oneOutsideEffect) this.#wrong('I1', run.id, 'the outside world was changed twice')
      this.#world.count('state: effect repeated')
    }
    outside.happened.set(generation, value)
    return 'done'
  }

  /** The truth about the operation; whoever asks with a fence shuts out all smaller ones. */
  askOutside(id: OperationId, fence: number): { happened: true; value: unknown } | { happened: false } {
    const outside = this.#outsideOf(id)
    outside.floor = Math.max(outside.floor, fence)
    const generation = this.#generation(id, fence)
    const happened = outside.happened.has(generation)
    this.#world.count(happened ? 'state: reconciled, had happened' : 'state: reconciled, had not')
    return happened ? { happened, value: outside.happened.get(generation) } : { happened }
  }

  /** An owner that came later has been told of every saved step; one that came before may not know better. */
  stepRuns({ id, fence }: Run, name: string): void {
    const savedBy = this.#savedSteps.get(`${id} ${this.#generation(id, fence)} ${name}`)
    if (savedBy !== undefined && fence > savedBy) this.#wrong('I1', id, `${name} ran again after it was saved`)
  }

  stepSaved({ id, fence }: Run, name: string): void {
    const step = `${id} ${this.#generation(id, fence)} ${name}`
    if (!this.#savedSteps.has(step)) this.#savedSteps.set(step, fence)
  }

  /** The owner of this fence was told `lost`. */
  toldLost(id: OperationId, fence: number): void {
    this.#toldLost.add(`${id} ${fence}`)
  }

  /** A completion arrived at the store, whatever became of it. */
  completing(id: OperationId, fence: number, { kind }: StoredResult): void {
    const run = this.#runOf(id, fence)
    const earned =
      kind === 'value'
        ? run === undefined || run.ended === 'value'
        : kind === 'error'
          ? run?.ended === 'throw'
          : run === undefined
    if (!earned) this.#wrong('I2', id, `completed as ${kind}, but its effect ended: ${run?.ended ?? 'never started'}`)
    if (kind === 'value' && run === undefined && !this.#promises.oneOutsideEffect) {
      this.#wrong('I2', id, 'completed with a value although its effect never started')
    }
  }

  /** A release arrived at the store, whatever became of it. */
  releasing(id: OperationId, fence: number): void {
    const run = this.#runOf(id, fence)
    if (this.#mode === 'lock' || run === undefined || run.ended === 'throw') return
    this.#wrong('I14', id, `given back although its effect ended: ${run.ended}`)
  }

  /** A caller was told something. Success may only be told of what the store has accepted by now. */
  answered(id: OperationId, fingerprint: string, outcome: Outcome<unknown>): void {
    this.#world.count(`answer: ${outcome.kind}`)
    const known = this.#judge.known(id)
    switch (outcome.kind) {
      case 'executed':
      case 'replayed': {
        if (this.#mode === 'lock') return this.#lockAnswered(id, outcome.kind === 'executed' ? outcome.fence : 0)
        const body = encodeResult(outcome.value)
        const stored = known?.results.find(({ result }) => result.kind === 'value' && same(result.body, body))
        if (stored === undefined) this.#wrong('I5', id, `${outcome.kind} with a value that is not in the store`)
        else if (stored.fingerprint !== fingerprint) this.#wrong('I6', id, `${outcome.kind} with a stranger's value`)
        return
      }
      case 'failed':
        if (!outcome.replayed || known?.results.some(({ result }) => result.kind === 'error')) return
        return this.#wrong('I5', id, 'an error was replayed that is not in the store')
      case 'unknown':
        if (known?.results.some(({ result }) => result.kind === 'unknown')) return
        return this.#wrong('I2', id, 'unknown was answered, but it is not parked in the store')
      case 'mismatch':
        if (known !== undefined && (known.fingerprint !== fingerprint || known.generation > 0)) return
        return this.#wrong('I6', id, 'the payload that is bound was answered with mismatch')
      case 'in-flight':
        return
    }
  }

  runsOf(id: OperationId): readonly Run[] {
    return this.#runs.get(id) ?? []
  }

  #lockAnswered(id: OperationId, fence: number): void {
    if (this.#runOf(id, fence)?.ended !== 'value') this.#wrong('I14', id, 'a lock answered without its effect')
    if (!this.#judge.known(id)?.released.has(fence)) this.#wrong('I14', id, 'a lock answered before it was given back')
  }

  #runOf(id: OperationId, fence: number): Run | undefined {
    return this.#runs.get(id)?.find((run) => run.fence === fence)
  }

  #generation(id: OperationId, fence: number): number {
    return this.#judge.known(id)?.fences.get(fence) ?? -1
  }

  #outsideOf(id: OperationId) {
    const outside = this.#outside.get(id) ?? { floor: 0, doneBy: 0, happened: new Map<number, unknown>() }
    this.#outside.set(id, outside)
    return outside
  }

  #wrong(invariant: string, id: OperationId, message: string): void {
    this.#world.violate(invariant, `operation ${id.slice(0, 8)}: ${message}`)
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
