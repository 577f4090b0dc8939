import type { Verdict } from '../../messaging/delivery.ts'
import type { SimEvent } from './event-queue.ts'
import type { SimCaller } from './scenario.ts'
import type { World } from './world.ts'

/** A message in the queue. */
export interface Parcel {
  readonly message: SimCaller
  deliveries: number
  visibleAt: number
  due: SimEvent | undefined
  over: boolean
}

/** One delivery of a parcel. */
export interface Receipt {
  readonly parcel: Parcel
  readonly nth: number
}

/** How long a delivered message is hidden from others, unless its consumer extends it. */
export const VISIBILITY_MS = 800

/** A broker that is polled for messages; it delivers each at least once, in order per ordering key. */
export class Queue {
  readonly #world: World
  readonly #takesStaleAcks: boolean
  readonly #settled: (message: SimCaller) => void
  readonly #parcels: Parcel[] = []
  readonly #watchers = new Set<() => void>()

  constructor(world: World, takesStaleAcks: boolean, settled: (message: SimCaller) => void) {
    this.#world = world
    this.#takesStaleAcks = takesStaleAcks
    this.#settled = settled
  }

  /** All messages in the order of the queue. */
  get messages(): readonly SimCaller[] {
    return this.#parcels.map(({ message }) => message)
  }

  publish(message: SimCaller): void {
    this.#parcels.push({ message, deliveries: 0, visibleAt: this.#world.now, due: undefined, over: false })
    this.#wake()
  }

  /** Whether there is a message that no consumer holds. */
  get hasDue(): boolean {
    return this.#parcels.some(({ over, visibleAt }) => !over && visibleAt <= this.#world.now)
  }

  watch(wake: () => void): () => void {
    this.#watchers.add(wake)
    return () => void this.#watchers.delete(wake)
  }

  /** `held`: deliveries that the caller still holds and will handle first; they do not block their ordering key. */
  take(max: number, held: readonly Receipt[]): readonly Receipt[] {
    const taken: Receipt[] = []
    const blocked = new Set<string>()
    for (const parcel of this.#parcels) {
      const { orderingKey } = parcel.message
      if (parcel.over || (orderingKey !== undefined && blocked.has(orderingKey))) continue
      const visible = parcel.visibleAt <= this.#world.now
      if (visible && taken.length < max) this.#handOut(parcel, taken)
      else if (orderingKey !== undefined && (visible || !held.some((one) => one.parcel === parcel && isCurrent(one))))
        blocked.add(orderingKey)
    }
    return taken
  }

  extend(receipt: Receipt, ms: number): 'ok' | 'lost' {
    if (!isCurrent(receipt)) return 'lost'
    this.#hide(receipt.parcel, ms)
    return 'ok'
  }

  settle(receipt: Receipt, verdict: Verdict): void {
    const { parcel } = receipt
    if (parcel.over || verdict.kind === 'none') return
    if (!isCurrent(receipt) && !(verdict.kind === 'ack' && this.#takesStaleAcks)) return
    if (verdict.kind === 'retry') {
      this.#hide(parcel, verdict.delayMs)
      return
    }
    parcel.over = true
    if (parcel.due !== undefined) parcel.due.cancelled = true
    this.#wake()
    this.#settled(parcel.message)
  }

  #handOut(parcel: Parcel, taken: Receipt[]): void {
    const receipt = { parcel, nth: ++parcel.deliveries }
    if (receipt.nth > 1) this.#world.count('state: redelivered')
    this.#hide(parcel, VISIBILITY_MS)
    taken.push(receipt)
    // The network delivers twice, without the broker's knowledge.
    if (this.#world.plan.send('deliver')?.kind !== 'sent-again') return
    this.#world.count('fault: duplicate delivery')
    taken.push(receipt)
  }

  #hide(parcel: Parcel, ms: number): void {
    if (parcel.due !== undefined) parcel.due.cancelled = true
    parcel.visibleAt = this.#world.now + ms
    parcel.due = this.#world.after(ms, `${parcel.message.name} is due`, () => this.#wake())
  }

  #wake(): void {
    if (!this.hasDue) return
    for (const wake of this.#watchers) wake()
  }
}

function isCurrent({ parcel, nth }: Receipt): boolean {
  return !parcel.over && nth === parcel.deliveries
}
