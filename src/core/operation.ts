import { AsyncResource } from 'node:async_hooks'
import { decodeResult, encodeResult } from './codec.ts'
import { DEFAULT_CODEC_LIMITS } from './codec-format.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import type { OperationKey } from './key.ts'
import { leftoverOf, operationId, quote } from './key.ts'
import type { Operation } from './once.ts'
import type { OperationId, Step, Steps } from './record.ts'

export interface OperationParts {
  readonly named: OperationKey
  readonly attempt: number
  readonly starts: number
  readonly fence: number
  readonly owner: string
  readonly steps: Steps
  /** Stores all steps so far. Absent where steps are not saved: in a transaction, under a lock, without the store. */
  readonly saveSteps?: ((steps: Steps) => Promise<void>) | undefined
}

/** Marks a step that ran but whose result could not be stored: it must not run again either. */
const UNSTORABLE = new Uint8Array(0)

/** Limits of saved steps: each save writes all of them again. Their results together may be as long as one result. */
const MOST_STEPS = 1_000
const MOST_STEP_BYTES = DEFAULT_CODEC_LIMITS.maxBytes
const LEAST_STEP_BYTES = encodeResult(undefined).length
const LONGEST_STEP_NAME = 255

/** How many microtask turns parallel steps get to register before a new step is refused. */
const TURNS_TO_ASK = 50

class RunningStep<T = unknown> {
  readonly answer: Promise<T>
  isOver = false

  constructor(step: () => Promise<T>) {
    this.answer = this.#follow(step)
  }

  async #follow(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } finally {
      this.isOver = true
    }
  }
}

/** The operation that the effect gets. Its static methods are for the engine only. */
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
  #running: Set<RunningStep> | undefined
  #controller: AbortController | undefined
  /** Runs in the async context that asked for the signal: timers wake in none. */
  #asked: AsyncResource | undefined
  #aborted: OnlyonceError | undefined
  #over = false

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

  /** Created on demand: most effects never use it, and it costs more than the rest of the operation. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      this.#asked = new AsyncResource('onlyonce.signal')
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted)
    }
    return this.#controller.signal
  }

  // Getters, so that `({ step, child }) => …` works as well as `op.step(…)`.
  get step(): Operation['step'] {
    return <T>(name: string, fn: () => Promise<T> | T) => {
      const running = new RunningStep(() => this.#step(name, fn))
      this.#running ??= new Set()
      this.#running.add(running)
      return running.answer
    }
  }

  get child(): Operation['child'] {
    return (name) => childKey(this.#named, name)
  }

  /** Aborts `op.signal`; the first reason counts. */
  static abort(op: RunningOperation, reason: OnlyonceError): void {
    op.#aborted ??= reason
    op.#asked?.runInAsyncScope(() => op.#controller?.abort(reason))
  }

  static id(op: RunningOperation): OperationId {
    return op.#named.id
  }

  /** The effect has ended, and so have its steps: none begins any more. */
  static end(op: RunningOperation): void {
    op.#over = true
  }

  /**
   * The end of the steps that go on after the effect has returned, because nobody waits for them. `undefined` if there
   * are none. Rejects with what the first of them throws that fails.
   */
  static rest(op: RunningOperation): Promise<void> | undefined {
    if (op.#running === undefined || op.#stillRunning().length === 0) return undefined
    return op.#ended((steps) => Promise.all(steps))
  }

  /** Resolves when no step is running: a step may go on after the effect has thrown. */
  static settled(op: RunningOperation): Promise<void> {
    return op.#ended((steps) => Promise.allSettled(steps))
  }

  async #ended(wait: (steps: readonly Promise<unknown>[]) => Promise<unknown>): Promise<void> {
    for (let steps = this.#stillRunning(); steps.length > 0; steps = this.#stillRunning()) await wait(steps)
  }

  /** Only those: of a step that has failed, the effect may have taken note. */
  #stillRunning(): readonly Promise<unknown>[] {
    return [...(this.#running ?? [])].flatMap(({ isOver, answer }) => (isOver ? [] : [answer]))
  }

  /**
   * Whether parts of the effect may have happened that are not recorded: it was aborted half-way, or a step ran but
   * could not be saved.
   */
  static isDoubtful(op: RunningOperation): boolean {
    return op.#aborted !== undefined || (op.#saveSteps !== undefined && op.#steps.length > op.#saved)
  }

  async #step<T>(name: string, fn: () => Promise<T> | T): Promise<T> {
    if (typeof name !== 'string' || name === '' || name.length > LONGEST_STEP_NAME) {
      throw new OnlyonceError('OPTION_INVALID', `a step needs a name, of at most ${LONGEST_STEP_NAME} characters`)
    }
    if (typeof fn !== 'function') {
      throw new OnlyonceError(
        'OPTION_INVALID',
        `step ${quote(name)} of ${quote(this.key)} needs a function, such as () => charge(): what was called before has run, and runs at each attempt`,
      )
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
    if (this.#over) throw tooLate(name, this.key)
    if (this.#unasked() !== undefined) await this.#checkSameSteps(name)
    this.#requireRoom(name)
    const { result, why } = encodeStep(await fn(), this.#room())
    const made: Step = { name, result }
    this.#steps = [...this.#steps, made]
    const steps = this.#steps
    await this.#saveSteps?.(steps)
    this.#saved = Math.max(this.#saved, steps.length)
    return this.#replay<T>(made, why)
  }

  /** Refuses a step before it runs if there is no room to save it: otherwise every attempt would fail after it. */
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

  /** A step finished by an earlier attempt that this one has not asked for yet. */
  #unasked(): Step | undefined {
    return this.#steps.find(({ name }) => this.#begun?.has(name) !== true)
  }

  /**
   * A finished step that was renamed would run again, so a new step begins only after all finished ones were asked for.
   * Parallel steps are asked for within a few microtasks of each other, so there is a short wait for that.
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

  /** `why`: what the attempt that ran the step knows of it; those that come later do not. */
  #replay<T>({ name, result }: Step, why?: unknown): T {
    if (result.length > 0) return decodeResult(result) as T
    const reason = why === undefined ? 'its result cannot be stored; return plain data' : reasonOf(why)
    throw new OnlyonceError(
      'RESULT_UNSERIALIZABLE',
      `step ${quote(name)} of ${quote(this.key)} ran, but ${reason}, and from all steps together less than ${MOST_STEP_BYTES} bytes`,
    )
  }
}

/** Its lease is given up with the effect, so what the step did could not be saved. */
function tooLate(name: string, key: string): OnlyonceError {
  return new OnlyonceError(
    'CLOSED',
    `step ${quote(name)} of ${quote(key)} was not begun: the effect has ended; await everything that an effect starts`,
  )
}

/** A fixed-length key that names one part of one operation: safe to send to systems that limit length or alphabet. */
export function childKey({ id }: Pick<OperationKey, 'id'>, name: string): string {
  // UTF-8 has one and the same substitute for all halves of surrogate pairs: two parts would share a key.
  if (typeof name !== 'string' || !name.isWellFormed())
    throw new OnlyonceError('KEY_INVALID', `a part needs a name, in well-formed Unicode; got ${quote(name)}`)
  const leftover = leftoverOf(name)
  if (leftover === undefined) return operationId(id, name)
  throw new OnlyonceError(
    'KEY_INVALID',
    `the name ${quote(name)} of a part contains \`${leftover}\`, what is left of a missing value: parts that differ would share a key`,
  )
}

function encodeStep(value: unknown, maxBytes: number): { result: Uint8Array; why?: unknown } {
  try {
    return { result: encodeResult(value, { maxBytes }) }
  } catch (why) {
    return { result: UNSTORABLE, why }
  }
}
