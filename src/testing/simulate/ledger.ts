import type { Operation } from '../../core/once.ts'
import type { OperationId, StoredResult } from '../../core/record.ts'
import type { Judge } from './judge.ts'
import type { Mode, Promises, Scenario } from './scenario.ts'
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

/** A renewal queued behind another call may leave this much after the end. */
const ROUND_TRIP_MS = 50

/** Records what the effects did and what their owners asked of the store; checks both against the judge. */
export class Ledger {
  readonly #world: World
  readonly #judge: Judge
  readonly #promises: Promises
  readonly #storeTimeoutMs: number
  /** When each owner learned that its own call had ended its lease. */
  readonly #heardEnd = new Map<string, number>()
  readonly #mode: Mode
  readonly #runs = new Map<OperationId, Run[]>()
  readonly #toldLost = new Set<string>()
  /** The fence under which each step was first saved. */
  readonly #savedSteps = new Map<string, number>()

  constructor(world: World, judge: Judge, { mode, promises, storeTimeoutMs }: Scenario) {
    this.#world = world
    this.#judge = judge
    this.#mode = mode
    this.#promises = promises
    this.#storeTimeoutMs = storeTimeoutMs
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
    if (this.#promises.oneStart && runs.length > 0) this.#wrong('I1', id, 'started twice, at most once was promised')
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

  /** A later owner knows every saved step, so it must not run one again; an earlier owner may not know of it. */
  stepRuns({ id, fence }: Run, name: string): void {
    const savedBy = this.#savedSteps.get(`${id} ${this.#generation(id, fence)} ${name}`)
    if (savedBy !== undefined && fence > savedBy) this.#wrong('I1', id, `${name} ran again after it was saved`)
  }

  stepSaved({ id, fence }: Run, name: string): void {
    const step = `${id} ${this.#generation(id, fence)} ${name}`
    if (!this.#savedSteps.has(step)) this.#savedSteps.set(step, fence)
  }

  /** The owner of this fence got `lost`. */
  toldLost(id: OperationId, fence: number): void {
    this.#toldLost.add(`${id} ${fence}`)
  }

  /** The owner of this fence learned that it has completed or released its operation. */
  heardEnd(id: OperationId, fence: number): void {
    const lease = `${id} ${fence}`
    if (!this.#heardEnd.has(lease)) this.#heardEnd.set(lease, this.#world.now)
  }

  /** A heartbeat is sent. One begun before the end may be repeated and queued for as long as answers are missing. */
  renewing({ heldUpAt }: Life, id: OperationId, fence: number): void {
    const endedAt = this.#heardEnd.get(`${id} ${fence}`)
    if (endedAt === undefined || heldUpAt > endedAt - 4 * this.#storeTimeoutMs) return
    if (this.#world.now - endedAt <= ROUND_TRIP_MS) return
    this.#wrong('I8', id, 'its heartbeat goes on although its owner settled it')
  }

  /** A completion arrived at the store, with any outcome. */
  completing(id: OperationId, fence: number, { kind }: StoredResult): void {
    const run = this.runOf(id, fence)
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

  /** A release arrived at the store, with any outcome. */
  releasing(id: OperationId, fence: number): void {
    const run = this.runOf(id, fence)
    if (this.#mode === 'lock' || run === undefined || run.ended === 'throw') return
    this.#wrong('I14', id, `given back although its effect ended: ${run.ended}`)
  }

  runOf(id: OperationId, fence: number): Run | undefined {
    return this.#runs.get(id)?.find((run) => run.fence === fence)
  }

  #generation(id: OperationId, fence: number): number {
    return this.#judge.known(id)?.fences.get(fence) ?? -1
  }

  #wrong(invariant: string, id: OperationId, message: string): void {
    this.#world.violate(invariant, `operation ${id.slice(0, 8)}: ${message}`)
  }
}
