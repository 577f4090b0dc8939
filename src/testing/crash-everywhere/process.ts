import { type Cancel, type Runtime, systemRuntime } from '../../core/runtime.ts'
import { deferred, within } from './waiting.ts'
import { callSite, type Site } from './where.ts'

/** One call of the handler through its kit. */
export interface CrashPoint {
  /** What was called: `sql INSERT INTO orders …`, `store.claim`. */
  readonly call: string
  readonly site: Site | undefined
}

/** Directly before a call does anything, or directly after it. */
export interface Moment {
  readonly side: 'before' | 'after'
  readonly point: CrashPoint
  /** Whether the call returns a promise. */
  readonly isAsync: boolean
}

/** What happens in one process, at the moment of that number, counted from 0. */
export interface Plan {
  readonly at: number
  readonly action: 'stop' | 'fail' | 'hold'
}

/** Thrown where a call cannot simply stay unanswered. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
  constructor() {
    super('crashEverywhere has stopped this process: nothing that it does counts any more')
  }
}

/** Thrown by a call that was made to fail. */
export class MadeToFail extends Error {
  override readonly name = 'MadeToFail'
}

const never = <T>() => new Promise<T>(() => {})

/** A simulated process: all its calls pass through here, and once stopped it receives nothing more. */
export class PretendedProcess {
  readonly trace: Moment[] = []
  readonly runtime: Runtime
  /** Rejects when the process is stopped: for callbacks inside a call that is still open. */
  readonly died: Promise<never>
  /** Resolves when the process reaches the moment at which it is held. */
  readonly held: Promise<void>
  /** Whether a call returns promises, learnt from the calls so far. */
  readonly #kinds: Map<string, boolean>
  readonly #plan: Plan | undefined
  readonly #timers = new Set<Cancel>()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #onEnd = new Set<() => unknown>()
  readonly #onDeath = new Set<() => unknown>()
  #dead = false
  #lastSite: Site | undefined
  readonly #death = deferred<never>()
  readonly #holding = deferred()
  readonly #goOn = deferred()

  constructor(kinds: Map<string, boolean>, plan?: Plan) {
    this.#kinds = kinds
    this.#plan = plan
    this.died = this.#death.promise
    this.died.catch(() => {})
    this.held = this.#holding.promise
    this.runtime = { ...systemRuntime, after: (ms, wake) => this.#after(ms, wake) }
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Registers what is cleaned up when the process has ended in any way. Returns a function that cancels it. */
  onEnd(cleanUp: () => unknown): () => void {
    this.#onEnd.add(cleanUp)
    return () => void this.#onEnd.delete(cleanUp)
  }

  /** Registers what happens to the process's connections if it was stopped. */
  onDeath(cleanUp: () => unknown): void {
    this.#onDeath.add(cleanUp)
  }

  /** Remembers the current line of the user's code, for calls that begin deep inside a library. */
  passing(): void {
    this.#lastSite = callSite() ?? this.#lastSite
  }

  /** Makes a call that is a crash point. */
  call<T>(name: string, run: () => T): T {
    if (this.#dead) return this.#noAnswer(name)
    this.passing()
    const point: CrashPoint = { call: name, site: this.#lastSite }
    switch (this.#reach('before', point, this.#kinds.get(name) ?? false)) {
      case 'stop':
        return this.#stopHere(name)
      case 'fail':
        return this.#failure(name)
      case 'hold':
        return this.#hold(() => this.#proceed(point, run)) as T
      default:
        return this.#proceed(point, run)
    }
  }

  /** Lets a held process continue. */
  release(): void {
    this.#goOn.resolve()
  }

  /** Ends the process like SIGKILL. */
  kill(): void {
    if (this.#dead) return
    this.#dead = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    this.#goOn.resolve()
    this.#death.reject(new Stopped())
  }

  /** Resolves when all work of the process has ended and its resources are released, or after `limitMs`. */
  async quiet(limitMs: number): Promise<void> {
    const deadline = this.runtime.elapsed() + limitMs
    do {
      await within(Promise.allSettled(this.#underWay), limitMs, [])
      await new Promise<void>((resolve) => void setImmediate(resolve))
    } while (this.#underWay.size > 0 && this.runtime.elapsed() < deadline)
    for (const cleanUp of [...(this.#dead ? this.#onDeath : []), ...this.#onEnd]) await settled(cleanUp)
  }

  /** Holds the call until `release`; never continues if the process was killed by then. */
  #hold<T>(goOn: () => T): Promise<T> {
    this.#holding.resolve()
    return this.#goOn.promise.then(() => (this.#dead ? never<T>() : goOn()))
  }

  #proceed<T>(point: CrashPoint, run: () => T): T {
    const answer = run()
    const isAsync = typeof (answer as { then?: unknown } | undefined)?.then === 'function'
    this.#kinds.set(point.call, isAsync)
    if (!isAsync) {
      if (this.#reach('after', point, false) === 'stop') throw new Stopped()
      return answer
    }
    const real = Promise.resolve(answer)
    this.#underWay.add(real)
    return new Promise((resolve, reject) => {
      real.then(
        (value) => {
          this.#underWay.delete(real)
          if (this.#dead) return
          const action = this.#reach('after', point, true)
          if (action === 'fail') reject(madeToFail(point.call, 'its answer was lost'))
          else if (action === 'hold') resolve(this.#hold(() => value))
          else if (action !== 'stop') resolve(value)
        },
        (error) => {
          this.#underWay.delete(real)
          if (!this.#dead) reject(error)
        },
      )
    }) as T
  }

  /** Stops the process at an asynchronous call, after code that does not await the call has continued. */
  #stopHere<T>(name: string): T {
    if (this.#kinds.get(name) !== true) {
      this.kill()
      throw new Stopped()
    }
    setImmediate(() => this.kill())
    return never() as T
  }

  #reach(side: Moment['side'], point: CrashPoint, isAsync: boolean): Plan['action'] | undefined {
    const number = this.trace.push({ side, point, isAsync }) - 1
    if (this.#plan?.at !== number) return undefined
    if (this.#plan.action === 'stop' && side === 'after') this.kill()
    return this.#plan.action
  }

  /** A call of a dead process: a promise that never settles, or for a synchronous call an error. */
  #noAnswer<T>(name: string): T {
    if (this.#kinds.get(name) === true) return never() as T
    throw new Stopped()
  }

  #failure<T>(name: string): T {
    const error = madeToFail(name, 'nothing was done')
    if (this.#kinds.get(name) === true) return Promise.reject(error) as T
    throw error
  }

  #after(ms: number, wake: () => void): Cancel {
    if (this.#dead) return () => {}
    const cancel = systemRuntime.after(ms, () => {
      this.#timers.delete(stop)
      wake()
    })
    const stop = () => {
      this.#timers.delete(stop)
      cancel()
    }
    this.#timers.add(stop)
    return stop
  }
}

function madeToFail(call: string, what: string): MadeToFail {
  return new MadeToFail(`crashEverywhere made this call fail (${what}): ${call}`)
}

async function settled(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch {
    // Nothing to clean up: the resource was already released.
  }
}
