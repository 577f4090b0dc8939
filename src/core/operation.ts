import { decodeResult, encodeResult } from './codec.ts'
import { DEFAULT_CODEC_LIMITS } from './codec-format.ts'
import { OnlyonceError } from './errors.ts'
import type { OperationKey } from './key.ts'
import { operationId, quote } from './key.ts'
import type { Operation } from './once.ts'
import type { Step, Steps } from './record.ts'

export interface OperationParts {
  readonly named: OperationKey
  readonly attempt: number
  readonly starts: number
  readonly fence: number
  readonly owner: string
  readonly steps: Steps
  /** Stores all steps so far; left out where the effect is one transaction and steps need no place of their own. */
  readonly saveSteps?: ((steps: Steps) => Promise<void>) | undefined
}

/** An empty body marks a step that ran but whose result could not be stored: it must not run again either. */
const UNSTORABLE = new Uint8Array(0)

/** Where steps are saved, all of them are written again with each. What they answered may together be as long as one result. */
const MOST_STEPS = 1_000
const MOST_STEP_BYTES = DEFAULT_CODEC_LIMITS.maxBytes
const LEAST_STEP_BYTES = encodeResult(undefined).length
const LONGEST_STEP_NAME = 255

/** What steps begun side by side need to be asked for, through any reasonable number of `async` functions. */
const TURNS_TO_ASK = 50

/** `op` as the effect sees it, and the right to abort its signal. */
export class RunningOperation implements Operation {
  readonly scope: string
  readonly key: string
  readonly attempt: number
  readonly starts: number
  readonly fence: number
  readonly owner: string
  readonly #named: OperationKey
  readonly #saveSteps: OperationParts['saveSteps']
  #steps: Steps
  #saved: number
  #begun: Set<string> | undefined
  #underWay: Set<Promise<unknown>> | undefined
  #controller: AbortController | undefined
  #aborted: OnlyonceError | undefined

  constructor({ named, attempt, starts, fence, owner, steps, saveSteps }: OperationParts) {
    this.scope = named.scope
    this.key = named.key
    this.attempt = attempt
    this.starts = starts
    this.fence = fence
    this.owner = owner
    this.#named = named
    this.#steps = steps
    this.#saved = steps.length
    this.#saveSteps = saveSteps
  }

  /** Made on demand, as the rest is: most effects never look at it, and it costs more than all of the operation. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted)
    }
    return this.#controller.signal
  }

  // Getters, so that `({ step, child }) => …` works as well as `op.step(…)`.
  get step(): Operation['step'] {
    return (name, fn) => {
      const step = this.#step(name, fn)
      this.#underWay ??= new Set()
      this.#underWay.add(step)
      return step
    }
  }

  get child(): Operation['child'] {
    return (name) => childKey(this.#named, name)
  }

  /** Aborts `op.signal`; the first reason counts. Not for effects: it is no part of `Operation`. */
  static abort(op: RunningOperation, reason: OnlyonceError): void {
    op.#aborted ??= reason
    op.#controller?.abort(reason)
  }

  /** Resolves when no step is under way: one that was begun may happen although the effect has thrown. Not for effects either. */
  static async settled(op: RunningOperation): Promise<void> {
    while (op.#underWay !== undefined && op.#underWay.size > 0) {
      const steps = [...op.#underWay]
      await Promise.allSettled(steps)
      for (const step of steps) op.#underWay.delete(step)
    }
  }

  /**
   * Whether part of it may have happened that nobody would know of: it was told to stop half-way, or a step that ran could not be
   * saved. Not for effects either.
   */
  static isDoubtful(op: RunningOperation): boolean {
    return op.#aborted !== undefined || (op.#saveSteps !== undefined && op.#steps.length > op.#saved)
  }

  async #step<T>(name: string, fn: () => Promise<T> | T): Promise<T> {
    if (typeof name !== 'string' || name === '' || name.length > LONGEST_STEP_NAME) {
      throw new OnlyonceError('OPTION_INVALID', `a step needs a name, of at most ${LONGEST_STEP_NAME} characters`)
    }
    this.#begun ??= new Set()
    if (this.#begun.has(name)) {
      throw new OnlyonceError(
        'OPTION_INVALID',
        `step ${quote(name)} of ${quote(this.key)} was used twice; step names are unique`,
      )
    }
    this.#begun.add(name)
    const finished = this.#steps.find((one) => one.name === name)
    if (finished !== undefined) return this.#replay<T>(finished)
    if (this.#aborted !== undefined) throw this.#aborted
    if (this.#unasked() !== undefined) await this.#checkSameSteps(name)
    this.#requireRoom(name)
    const made: Step = { name, result: encodeStep(await fn(), this.#room()) }
    this.#steps = [...this.#steps, made]
    const steps = this.#steps
    await this.#saveSteps?.(steps)
    this.#saved = Math.max(this.#saved, steps.length)
    return this.#replay<T>(made)
  }

  /** A step that runs and cannot be saved would end every attempt there. */
  #requireRoom(name: string): void {
    if ((this.#begun?.size ?? 0) <= MOST_STEPS && this.#room() >= LEAST_STEP_BYTES) return
    if (this.#saveSteps === undefined) return
    throw new OnlyonceError(
      'OPTION_INVALID',
      `step ${quote(name)} of ${quote(this.key)} was not begun: an operation has at most ${MOST_STEPS} steps, with results of ` +
        `${MOST_STEP_BYTES} bytes together; make fewer steps that return less, or several operations`,
    )
  }

  #room(): number {
    if (this.#saveSteps === undefined) return MOST_STEP_BYTES
    return this.#steps.reduce((left, { result }) => left - result.length, MOST_STEP_BYTES)
  }

  /** A step of an earlier attempt that this one has not come to yet. */
  #unasked(): Step | undefined {
    return this.#steps.find(({ name }) => this.#begun?.has(name) !== true)
  }

  /**
   * A finished step under a new name would run again, so a new step begins only after all finished ones were asked for.
   * Steps side by side are asked for in the same turn of the event loop: those get time for it.
   */
  async #checkSameSteps(name: string): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_ASK && this.#unasked() !== undefined; turn++) await undefined
    const finished = this.#unasked()
    if (finished === undefined) return
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `${quote(this.key)} has finished step ${quote(finished.name)}, which this code did not ask for before it began ` +
        `${quote(name)}: steps were renamed, removed or reordered since; deploy code that asks for it first, or resolve the operation`,
    )
  }

  #replay<T>({ name, result }: Step): T {
    if (result.length > 0) return decodeResult(result) as T
    throw new OnlyonceError(
      'RESULT_UNSERIALIZABLE',
      `step ${quote(name)} of ${quote(this.key)} ran, but its result cannot be stored: return plain data from it, and from all steps together less than ${MOST_STEP_BYTES} bytes`,
    )
  }
}

/** A fixed-length key that names one part of one operation: safe to send to systems that limit length or alphabet. */
export function childKey({ id }: Pick<OperationKey, 'id'>, name: string): string {
  return operationId(id, name)
}

function encodeStep(value: unknown, maxBytes: number): Uint8Array {
  try {
    return encodeResult(value, { maxBytes })
  } catch {
    return UNSTORABLE
  }
}
