import type { Runtime } from '../../core/runtime.ts'
import type { Delivery } from '../delivery.ts'
import type { Entry } from './entry.ts'
import { type Found, type Group, isGroupMissing } from './group.ts'
import type { Holdings } from './holdings.ts'

const LONGEST_TAKE_OVER_PAUSE_MS = 5_000
const LOOK_AT_ONCE = 100

export interface ReaderOptions {
  readonly takeOverMs: number
  readonly report: (error: unknown) => void
}

/** Reads up to `room` messages, the oldest first: what others left behind, what was lost on the way, what is new. */
export type Reader = (room: number) => Promise<void>

export function createReader(
  stream: string,
  group: Group,
  holdings: Holdings,
  runtime: Runtime,
  { takeOverMs, report }: ReaderOptions,
): Reader {
  let made = false
  let madeBefore = false
  /** Where the take-over continues; `undefined` when it is complete. */
  let claiming: string | undefined
  /** The last entry of the last read that was answered. */
  let lastRead = ''
  let nextTakeOverAt = runtime.elapsed()

  async function make(): Promise<void> {
    const isNew = await group.make(madeBefore)
    made = true
    if (!isNew || !madeBefore) return
    report(new Error(`stream ${stream} had lost its group: it was made again, before the first entry`))
  }

  /** Holds the entries; returns how many of them were not held yet. */
  function hold({ entries, trimmed }: Found, redelivered: (entry: Entry) => Delivery['redelivered']): number {
    if (trimmed.length > 0) {
      const names = trimmed.slice(0, 10).join(', ')
      report(new Error(`${trimmed.length} entries of stream ${stream} were trimmed before they were handled: ${names}`))
    }
    return entries.filter((entry) => holdings.add(entry, redelivered(entry))).length
  }

  async function takeOver(room: number): Promise<number> {
    if (claiming === undefined && runtime.elapsed() < nextTakeOverAt) return 0
    claiming ??= '0-0'
    let taken = 0
    while (claiming !== undefined && taken < room) {
      const claimed = await group.claim(claiming, room - taken)
      taken += hold(claimed, () => true)
      claiming = claimed.next === '0-0' ? undefined : claimed.next
    }
    nextTakeOverAt = runtime.elapsed() + Math.min(takeOverMs / 4, LONGEST_TAKE_OVER_PAUSE_MS)
    return taken
  }

  /**
   * Reads entries that are ours but not held: an answer was lost, or a process with our name was restarted. Returns
   * whether all of them are held now.
   */
  async function recover(room: number): Promise<boolean> {
    let recovered = 0
    let after = '0-0'
    while (recovered < room) {
      const { entries, trimmed } = await group.own(after, LOOK_AT_ONCE)
      const next = [entries.at(-1)?.at ?? '0-0', trimmed.at(-1) ?? '0-0'].sort(byPlace)[1] as string
      if (next === '0-0') return true
      after = next
      for (const entry of entries) {
        if (recovered < room) recovered += hold({ entries: [entry], trimmed: [] }, () => true)
      }
      hold({ entries: [], trimmed }, () => true)
      if (trimmed.length > 0) await group.ack(trimmed)
    }
    return false
  }

  async function read(room: number): Promise<void> {
    const left = room - (await takeOver(room))
    if (left <= 0) return
    const fetched = await group.fetch(left, holdings.listed, lastRead)
    if (!('given' in fetched)) {
      if (await recover(left)) lastRead = fetched.lastRead
      return
    }
    const { given, maybe } = fetched
    lastRead = fetched.lastRead ?? lastRead
    hold(fetched, ({ at }) => byPlace(at, given) <= 0 || (byPlace(at, maybe) <= 0 && 'maybe'))
  }

  return async (room) => {
    if (!made) await make()
    madeBefore = true
    try {
      await read(room)
    } catch (error) {
      if (!isGroupMissing(error)) throw error
      made = false
      await make()
      await read(room)
    }
  }
}

/** Compares entry ids: two numbers of up to 64 bits each. */
function byPlace(a: string, b: string): number {
  const [aTime = '', aNumber = ''] = a.split('-')
  const [bTime = '', bNumber = ''] = b.split('-')
  const [x, y] = aTime === bTime ? [aNumber, bNumber] : [aTime, bTime]
  return x.length === y.length ? (x < y ? -1 : x > y ? 1 : 0) : x.length - y.length
}
