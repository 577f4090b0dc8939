import type { Runtime } from '../../core/runtime.ts'
import type { Home, SimEvent } from './event-queue.ts'
import { EPOCH, type World } from './world.ts'

/** A process's own clock, independent of the store's. */
export interface Clock {
  readonly skewMs: number
  /** 1.05 is a clock that gains 5 %. */
  readonly rate: number
  /** Someone sets the clock at this interval, forward or back. */
  readonly step: { readonly everyMs: number; readonly byMs: number } | undefined
}

/** What runs in a process: called anew at every start. */
export type Program = (life: Life) => void

/**
 * A machine that runs one process after the other. A crash ends the process: its timers never fire and its promises
 * never settle. A pause delays everything, as SIGSTOP does.
 */
export class Worker {
  readonly world: World
  readonly name: string
  readonly clock: Clock
  /** The current process; `undefined` between a crash and the restart. */
  life: Life | undefined
  #starts = 0
  readonly #program: Program

  constructor(world: World, name: string, clock: Clock, program: Program) {
    this.world = world
    this.name = name
    this.clock = clock
    this.#program = program
    if (clock.skewMs !== 0) world.count('fault: clock skew')
    if (clock.rate !== 1) world.count('fault: clock drift')
    if (clock.step !== undefined) world.count('fault: clock step')
    this.start()
  }

  start(): void {
    this.life = new Life(this, `${this.name}.${++this.#starts}`)
    this.#program(this.life)
  }

  crash(downMs: number): void {
    const { world, life } = this
    if (life === undefined) return
    world.count('fault: crash')
    if (world.trace !== undefined) world.note(`${life.name} CRASHES`)
    life.end()
    this.life = undefined
    world.delayed(downMs, `${this.name} restarts`, () => this.start())
  }
}

/** One process, from its start to its crash. */
export class Life implements Home {
  readonly worker: Worker
  readonly name: string
  readonly runtime: Runtime
  alive = true
  /** When a pause or the network last delayed it: what it sends later may have been meant for earlier. */
  heldUpAt = Number.NEGATIVE_INFINITY
  #held: SimEvent[] | undefined
  readonly #atEnd = new Set<() => void>()

  constructor(worker: Worker, name: string) {
    this.worker = worker
    this.name = name
    this.runtime = lifeRuntime(this)
  }

  /** Registers a call to the other side, such as a connection's server. Returns a function that cancels it. */
  onCrash(tell: () => void): () => void {
    this.#atEnd.add(tell)
    return () => void this.#atEnd.delete(tell)
  }

  end(): void {
    this.alive = false
    for (const tell of this.#atEnd) tell()
  }

  get paused(): boolean {
    return this.#held !== undefined
  }

  admits(event: SimEvent): boolean {
    if (!this.alive) return false
    if (this.#held === undefined) {
      const { world } = this.worker
      const fault = world.plan.step()
      if (fault === undefined) return true
      if (fault.kind === 'crash') {
        this.worker.crash(fault.downMs)
        return false
      }
      this.pause(fault.ms)
    }
    this.#held?.push(event)
    return false
  }

  pause(ms: number): void {
    const { world } = this.worker
    world.count('fault: pause')
    if (world.trace !== undefined) world.note(`${this.name} is PAUSED for ${ms} ms`)
    this.#held = []
    const since = world.now
    world.delayed(ms, `${this.name} resumes`, () => {
      const held = this.#held ?? []
      this.#held = undefined
      this.heldUpAt = world.now
      if (this.alive) this.pausedFor(world.now - since)
      for (const event of held) world.again(event)
    })
  }

  /** Called with the length of a pause when it is over. */
  pausedFor: (ms: number) => void = () => {}
}

function lifeRuntime(life: Life): Runtime {
  const { world, clock } = life.worker
  return {
    now: () => EPOCH + clock.skewMs + world.now * clock.rate + stepped(clock, world.now),
    elapsed: () => world.now * clock.rate,
    token: () => world.dice.token(),
    random: () => world.dice.float(),
    after(ms, wake) {
      const event = world.after(ms / clock.rate, 'timer', wake, life)
      return () => {
        event.cancelled = true
      }
    },
  }
}

function stepped({ step }: Clock, now: number): number {
  return step === undefined ? 0 : Math.floor(now / step.everyMs) * step.byMs
}
