import { onlyonce } from '../../core/engine.ts'
import type { Once } from '../../core/once.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { Inbox } from '../../messaging/inbox.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { Answers } from './answers.ts'
import { Batches } from './batches.ts'
import { Database } from './database.ts'
import { databaseOverWire, type SimTx } from './database-client.ts'
import { abandonedPolicy } from './effects.ts'
import { Judge } from './judge.ts'
import { Ledger } from './ledger.ts'
import { Outside } from './outside.ts'
import { Pipeline } from './pipeline.ts'
import type { Mode, Scenario } from './scenario.ts'
import { storeOverWire } from './store-over-wire.ts'
import { type Life, type Program, Worker } from './worker.ts'
import type { World } from './world.ts'

/** What runs in one process. */
export interface Process {
  readonly life: Life
  readonly once: Once
  /** The same engine, if its store is transactional. */
  readonly atomic: Once<SimTx> | undefined
  /** Of the messages of one scope each, in the modes that a broker feeds. */
  readonly inboxes: Map<string, Inbox>
}

/** All parts of one schedule. */
export interface Site {
  readonly world: World
  readonly scenario: Scenario
  readonly judge: Judge
  readonly ledger: Ledger
  readonly outside: Outside
  readonly answers: Answers
  readonly workers: readonly Worker[]
  readonly pipeline: Pipeline | undefined
  readonly batches: Batches | undefined
  process(life: Life): Process
  /** Called when all callers have their answers: stops what would go on for ever. */
  settled(): void
  /** The checks that are only possible when nothing happens any more. */
  atTheEnd(): void
}

const TRANSACTIONAL: ReadonlySet<Mode> = new Set(['atomic', 'pipeline', 'batch'])

export function buildSite(world: World, scenario: Scenario): Site {
  const judge = new Judge(world)
  const ledger = new Ledger(world, judge, scenario)
  const outside = new Outside(world, judge, scenario.promises.oneOutsideEffect)
  const answers = new Answers(world, judge, ledger, scenario.mode === 'lock')
  const processes = new WeakMap<Life, Process>()
  const transactional = TRANSACTIONAL.has(scenario.mode)
  const database = transactional ? new Database(world, judge, scenario.storeTimeoutMs) : undefined
  const store = memoryStore({ runtime: storeRuntime(world) })
  const pipeline =
    scenario.mode === 'pipeline' && database !== undefined ? new Pipeline(world, scenario, database) : undefined
  const batches =
    scenario.batch !== undefined && database !== undefined
      ? new Batches(world, scenario, scenario.batch, judge, database)
      : undefined

  const program: Program = (life) => {
    const options = {
      scope: 'engine',
      runtime: life.runtime,
      storeTimeoutMs: scenario.storeTimeoutMs,
      onAbandoned: abandonedPolicy(life, scenario, outside),
      ...scenario.call,
    }
    life.pausedFor = (ms) => {
      if (ms > scenario.call.leaseMs) world.count('fault: pause longer than the lease')
    }
    if (database === undefined) {
      const once = onlyonce({ ...options, store: storeOverWire(life, store, judge, ledger, scenario.notifies) })
      once.on((event) => world.count(`event: ${event.type}`))
      processes.set(life, { life, once, atomic: undefined, inboxes: new Map() })
      return
    }
    const reached = databaseOverWire(life, database, judge, ledger, scenario.storeTimeoutMs)
    const atomic = onlyonce({ ...options, store: reached })
    atomic.on((event) => world.count(`event: ${event.type}`))
    processes.set(life, { life, once: atomic as unknown as Once, atomic, inboxes: new Map() })
    pipeline?.startRelay(life, reached)
    batches?.start(life, atomic)
  }

  if (database === undefined) disturb(world, scenario, judge, store)
  const { storeStep } = scenario
  if (storeStep !== undefined) {
    world.after(storeStep.at, 'the clock of the store is set', () => world.setStoreClock(storeStep.byMs))
  }
  return {
    world,
    scenario,
    judge,
    ledger,
    outside,
    answers,
    workers: scenario.workers.map((clock, index) => new Worker(world, `w${index + 1}`, clock, program)),
    pipeline,
    batches,
    process: (life) => processes.get(life) as Process,
    settled: () => {
      pipeline?.finish()
      batches?.finish()
    },
    atTheEnd: () => {
      pipeline?.atTheEnd()
      batches?.atTheEnd()
      if (database !== undefined) everyAnswerHasItsEffect(world, judge, database)
    },
  }
}

/** The store's own runtime: its clock, and timers that no client crash stops. */
function storeRuntime(world: World): Runtime {
  return {
    ...systemRuntime,
    now: world.storeNow,
    after(ms, wake) {
      const event = world.after(ms, 'store timer', wake)
      return () => {
        event.cancelled = true
      }
    },
  }
}

/** Returns a process that can be reached, as a load balancer would. */
export function awake({ world, workers }: Site): Life | undefined {
  const lives = workers.flatMap(({ life }) => (life === undefined || life.paused ? [] : [life]))
  return lives.length === 0 ? undefined : world.dice.pick(lives)
}

/** More than there are records. */
const EVERYTHING = 1_000

/** Sweeps all the time, and forgets a key that may be in use. */
function disturb(
  world: World,
  { sweepEveryMs, forgetAt, keys }: Scenario,
  judge: Judge,
  store: ReturnType<typeof memoryStore>,
): void {
  if (sweepEveryMs !== undefined) {
    const sweep = () => {
      world.count('fault: sweep')
      judge.swept()
      void store.sweep(EVERYTHING).then((removed) => removed > 0 && world.count('state: swept'))
      if (!world.calm) world.after(sweepEveryMs, 'sweep', sweep)
    }
    world.after(sweepEveryMs, 'sweep', sweep)
  }
  const [first] = keys
  if (forgetAt !== undefined && first !== undefined) {
    world.after(forgetAt, 'forget', () => {
      world.count('fault: forget')
      judge.forgot(first.id)
      void store.forget([first.id])
    })
  }
}

/** Checks that every record has its effect: one without is a lost operation. */
function everyAnswerHasItsEffect(world: World, judge: Judge, database: Database): void {
  for (const { id, result, fence } of database.records.values()) {
    if (result?.kind !== 'value') continue
    const effects = database.effects.filter((row) => row.id === id)
    const known = judge.known(id)
    const isLock = known?.results.length === 0
    if (!isLock && effects.length !== 1) {
      world.violate('I2', `operation ${id.slice(0, 8)} is done with fence ${fence} and has ${effects.length} effects`)
    }
  }
}
