import type { Runtime } from '../../core/runtime.ts'
import { createBacklog, type Held } from '../backlog.ts'
import type { Delivery } from '../delivery.ts'
import { deliveryOf, type Entry } from './entry.ts'
import type { Group } from './group.ts'

export interface HeldEntry extends Held {
  readonly entry: Entry
  readonly delivery: Omit<Delivery, 'extend'>
  /** Another consumer has it. */
  lost: boolean
  /** The group does not list it any more, and nobody else can receive it: this is the last copy. */
  gone: boolean
  /**
   * Whether the group may not list it any more, because Redis was told that it is done.
   * - `'told'`: it has not answered yet
   * - `'unsure'`: its answer was lost
   */
  ending: 'told' | 'unsure' | undefined
  /** When it is to be tried again, by `runtime.elapsed`. */
  dueAt: number
}

/** All entries that this consumer received and has not settled. */
export interface Holdings {
  readonly size: number
  /** Number of entries that the group lists as ours for sure. */
  readonly listed: number
  /** Number of entries waiting for their turn. */
  readonly waiting: number
  /** See the backlog. */
  watch(wake: () => void): () => void
  /** Returns false when the entry is held already. */
  add(entry: Entry, redelivered: Delivery['redelivered']): boolean
  /** `gathering`: see the backlog. */
  take(max: number, gathering?: object): HeldEntry[]
  again(held: HeldEntry, ms: number): void
  /** See the backlog. */
  putOff(held: HeldEntry, ms: number): void
  /** Removes an entry that is settled or lost. */
  remove(held: HeldEntry): void
  /** Tells Redis that this process is alive, and marks the entries it has lost. */
  keep(which?: readonly HeldEntry[]): Promise<void>
  /** Cancels all retries and returns the entries that are left. */
  end(): readonly HeldEntry[]
}

export function createHoldings(stream: string, group: Group, runtime: Runtime): Holdings {
  const held = new Map<string, HeldEntry>()
  const backlog = createBacklog<HeldEntry>(runtime)

  function remove(one: HeldEntry): void {
    if (held.get(one.entry.at) === one) held.delete(one.entry.at)
    backlog.done(one)
  }

  return {
    get size() {
      return held.size
    },
    get listed() {
      let listed = 0
      for (const { gone, ending } of held.values()) if (!gone && ending === undefined) listed++
      return listed
    },
    get waiting() {
      return backlog.size
    },
    watch: backlog.watch,
    add(entry, redelivered) {
      const known = held.get(entry.at)
      if (known !== undefined) {
        known.gone = false
        if (known.ending === 'unsure') known.ending = undefined
        return false
      }
      const delivery = { ...deliveryOf(stream, entry), redelivered }
      const one: HeldEntry = {
        entry,
        delivery,
        orderingKey: delivery.orderingKey,
        isOurs: () => !one.lost,
        seen: false,
        lost: false,
        gone: false,
        ending: undefined,
        dueAt: 0,
      }
      held.set(entry.at, one)
      backlog.add(one)
      return true
    },
    take: backlog.take,
    again(one, ms) {
      one.dueAt = runtime.elapsed() + ms
      if (one.ending === 'told') one.ending = 'unsure'
      backlog.again(one, ms)
    },
    putOff: backlog.putOff,
    remove,
    async keep(which = [...held.values()]) {
      const listed = which.filter(({ gone, lost }) => !gone && !lost)
      const kept = await group.keep(listed.map(({ entry }) => entry.at))
      for (const [i, one] of listed.entries()) {
        if (kept[i] === 'gone') one.gone = true
        if (kept[i] !== 'lost') continue
        one.lost = true
        held.delete(one.entry.at)
      }
      if (kept.includes('lost')) backlog.dropLost()
    },
    end() {
      backlog.end()
      return [...held.values()]
    },
  }
}
