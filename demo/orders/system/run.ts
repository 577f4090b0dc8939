import type { Audited } from '../audit/audit.ts'
import type { BrokerName } from '../brokers/broker-names.ts'
import { killPlan } from '../faults/kills.ts'
import type { AuditResult } from '../roles/auditor.ts'
import type { ClientResult } from '../roles/client.ts'
import type { StoreName } from '../stores/store-names.ts'
import { createCrew } from './crew.ts'
import type { Consumer, Variant } from './messages.ts'

export interface RunPlan {
  readonly variant: Variant
  /** The directory of this run; the ledgers stay in it. */
  readonly dir: string
  /** The path of the checked orders, as NDJSON. */
  readonly orders: string
  readonly orderCount: number
  readonly seed: number
  readonly kills: number
  readonly store: StoreName
  /** The URL of this run's room in the store. */
  readonly storeUrl: string
  readonly broker: BrokerName
  /** The URL of this run's room in the broker. */
  readonly brokerUrl: string
  readonly onView: (view: View) => void
  /** Aborts the run. */
  readonly signal: AbortSignal
}

/** The progress of a run. */
export interface View {
  readonly variant: Variant
  readonly orders: number
  readonly answered: number
  readonly delivered: Readonly<Record<Consumer, number>>
  readonly kills: number
  readonly seconds: number
}

/** The figures of one run; named as in `--json`. */
export interface Run extends Audited {
  readonly requests: number
  /** Requests beyond one for each order, and deliveries beyond one for each order and consumer. */
  readonly duplicates: number
  readonly kills: number
  /** From the first order until nothing changed any more. */
  readonly seconds: number
}

/** A kill waits until its victim has worked this long: killing what has just started proves little. */
const AT_WORK_MS = 100
const KILL_CHECK_MS = 10
const VIEW_MS = 100

/**
 * Runs the order system once, in separate processes: places all orders, kills workers as planned, waits until nothing
 * changes any more, and audits the ledgers. Leaves no process behind, however it ends.
 * @throws the reason of `signal`; Error when a worker cannot be kept alive
 */
export async function runSystem({
  variant,
  dir,
  orders,
  orderCount,
  seed,
  kills,
  store,
  storeUrl,
  broker,
  brokerUrl,
  onView,
  signal,
}: RunPlan): Promise<Run> {
  const due = [...killPlan(seed, kills, orderCount)]
  const delivered = { coupon: 0, points: 0, fulfilment: 0 }
  let answered = 0
  let startedAt = Date.now()
  const trouble = createTrouble(signal)
  const crew = createCrew({
    setup: { variant, dir, orders, seed, store, storeUrl, broker, brokerUrl },
    onDelivered(consumer, count) {
      delivered[consumer] += count
    },
    onBroken: trouble.fail,
  })

  const killed = createSignal()
  function killIfDue(): void {
    const [next] = due
    if (next === undefined) {
      killed.resolve()
      return
    }
    const since = crew.workingSince(next.victim)
    if (answered < next.afterOrders || since === undefined || Date.now() - since < AT_WORK_MS) return
    crew.kill(next.victim)
    due.shift()
  }

  function view(): View {
    const seconds = secondsUntil(Date.now())
    return { variant, orders: orderCount, answered, delivered, kills: kills - due.length, seconds }
  }

  function secondsUntil(end: number): number {
    return Math.round((end - startedAt) / 10) / 100
  }

  async function wholeRun(): Promise<Run> {
    await crew.start()
    startedAt = Date.now()
    const onProgress = (done: number) => {
      answered += done
    }
    const { requests } = await crew.finish<ClientResult>('client', { onProgress })
    await killed.promise
    const { audited, quietSince } = await crew.finish<AuditResult>('audit')
    const { repeatedDeliveries } = audited
    return {
      requests,
      duplicates: requests - orderCount + repeatedDeliveries,
      kills: kills - due.length,
      ...audited,
      seconds: secondsUntil(quietSince),
    }
  }

  const timers = [setInterval(killIfDue, KILL_CHECK_MS), setInterval(() => onView(view()), VIEW_MS)]
  try {
    return await Promise.race([wholeRun(), trouble.failed])
  } finally {
    for (const timer of timers) clearInterval(timer)
    await crew.stop()
  }
}

/** A promise that rejects when the run cannot continue. */
function createTrouble(signal: AbortSignal) {
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  signal.addEventListener('abort', () => fail(signal.reason), { once: true })
  if (signal.aborted) fail(signal.reason)
  return { failed, fail: (error: Error) => fail(error) }
}

function createSignal() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}
