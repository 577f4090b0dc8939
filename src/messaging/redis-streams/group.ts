import { reasonOf } from '../../core/errors.ts'
import type { labelsOf } from '../headers.ts'
import type { Word } from './client.ts'
import type { Entry } from './entry.ts'
import { deadStream, givenKey, NOBODY, OUR_NAMES, type ResolvedSource } from './options.ts'
import { type Send, scriptsOn } from './port.ts'

/** Result of keeping an entry. `gone`: it was trimmed or flushed away, so that nobody else can receive it. */
export type Kept = 'ok' | 'lost' | 'gone'

/** A consumer group of a stream, seen by one of its consumers. Each verb is one atomic step in Redis. */
export interface Group {
  /** Creates the group; resolves to false if it exists. `again`: this consumer has found it before. */
  make(again: boolean): Promise<boolean>
  /**
   * Returns entries not delivered yet; or the last one that was read for us, when that is another than `lastRead`, or
   * the group lists more as ours than the `known` entries: an answer was lost.
   */
  fetch(max: number, known: number, lastRead: string): Promise<Fetched | { readonly lastRead: string }>
  /** Returns entries behind `after` that the group lists as ours. */
  own(after: string, max: number): Promise<Found>
  /** Takes over entries of silent consumers; `next` is `'0-0'` when all have been looked through. */
  claim(from: string, max: number): Promise<Found & { readonly next: string }>
  keep(ids: readonly string[]): Promise<readonly Kept[]>
  ack(ids: readonly string[]): Promise<void>
  /** `gone`: the group does not list it any more, and nobody else has it. */
  bury(entry: Entry, labels: Labels, gone: boolean): Promise<void>
  /** Lets others take over these entries, each after its `delayMs`. */
  giveBack(entries: readonly (readonly [id: string, delayMs: number])[]): Promise<void>
  leave(): Promise<void>
}

export interface Found {
  readonly entries: readonly Entry[]
  /** Trimmed before anybody handled them. */
  readonly trimmed: readonly string[]
}

export interface Fetched extends Found {
  /** The group delivered entries up to this one before, also if it was created again or set back since. */
  readonly given: string
  /** The last of the entries; `undefined` when there is none. */
  readonly lastRead: string | undefined
  /** Up to this one it may have delivered them. */
  readonly maybe: string
}

const KEPT: readonly Kept[] = ['lost', 'ok', 'gone']
/** A script cannot call a command with more words than Lua's stack has room for: 8 000. */
const MOST_WORDS = 7_000
/** A consumer that is silent for this long counts as dead. */
const DEAD_AFTER_MS = 3_600_000

type Labels = Readonly<ReturnType<typeof labelsOf>>
type RawEntry = readonly [Buffer, readonly Buffer[] | null] | null

export function createGroup(send: Send, source: ResolvedSource): Group {
  const run = scriptsOn(send)
  const { stream, group, consumer, takeOverMs, deleteHandled } = source
  const us = [group, consumer]
  const given = givenKey(stream, group)
  const deletes = deleteHandled ? '1' : '0'

  async function bury({ at, fields }: Entry, labels: Labels, gone: boolean): Promise<void> {
    const copy = [...fields, ...Object.entries(labels).flat()]
    if (copy.length > MOST_WORDS) return buryLong(at, copy, gone)
    await run('bury', [stream, deadStream(stream)], [...us, at, deletes, gone ? '1' : '0', ...copy])
  }

  /** In several steps: a crash between them leaves both, which says the same twice. */
  async function buryLong(at: string, copy: readonly Word[], gone: boolean): Promise<void> {
    if (!gone && (await keep([at]))[0] === 'lost') return
    await send(stream, ['XADD', deadStream(stream), '*', ...copy])
    if (!gone) await ack([at])
  }

  async function keep(ids: readonly string[]): Promise<readonly Kept[]> {
    if (ids.length === 0) return []
    try {
      const kept = (await run('keep', [stream], [...us, ...ids])) as number[]
      return kept.map((one) => KEPT[one] as Kept)
    } catch (error) {
      if (!isGroupMissing(error)) throw error
      return ids.map(() => 'gone')
    }
  }

  async function ack(ids: readonly string[]): Promise<void> {
    // Entries that are not ours any more, or not there, need no acknowledgement from us.
    await run('ack', [stream], [...us, deletes, ...ids]).catch(unlessMissing)
  }

  return {
    make: async (again) => (await run('make', [stream, given], [...us, again ? '1' : '0'])) === 1,
    async fetch(max, known, lastRead) {
      const read = (await run('fetch', [stream, given], [...us, String(max), String(known), lastRead])) as
        | [Buffer]
        | [Buffer, Buffer, RawEntry[]]
      if (read.length === 1) return { lastRead: read[0].toString() }
      const [upTo, maybe, entries] = read
      const last = entries.at(-1)?.[0].toString()
      return { ...found(entries), given: upTo.toString(), maybe: maybe.toString(), lastRead: last }
    },
    async own(after, max) {
      return found((await run('own', [stream], [...us, after, String(max)])) as RawEntry[])
    },
    async claim(from, max) {
      const args = [...us, String(takeOverMs), from, String(max)]
      const [next, entries, trimmed] = (await run('claim', [stream], args)) as [Buffer, RawEntry[], Buffer[]]
      const { entries: taken, trimmed: more } = found(entries)
      return { next: next.toString(), entries: taken, trimmed: [...more, ...trimmed.map(String)] }
    },
    keep,
    ack,
    async bury(entry, labels, gone) {
      try {
        await bury(entry, labels, gone)
      } catch (error) {
        if (gone || !isGroupMissing(error)) throw error
        await bury(entry, labels, true)
      }
    },
    async giveBack(entries) {
      if (entries.length === 0) return
      const idle = entries.flatMap(([id, delayMs]) => [id, String(Math.max(0, Math.ceil(takeOverMs - delayMs)))])
      await run('back', [stream], [...us, NOBODY, ...idle]).catch(unlessMissing)
    },
    async leave() {
      await run('leave', [stream, given], [...us, OUR_NAMES, String(DEAD_AFTER_MS)]).catch(unlessMissing)
    },
  }
}

function found(raw: readonly RawEntry[]): Found {
  const entries: Entry[] = []
  const trimmed: string[] = []
  for (const one of raw) {
    // Redis 6 returns null for an entry that was trimmed.
    if (one === null) continue
    const [at, fields] = one
    if (fields === null) trimmed.push(at.toString())
    else entries.push({ at: at.toString(), fields })
  }
  return { entries, trimmed }
}

/** True after a flush, a restart without its data, or a fail-over to a replica that did not know the group. */
export function isGroupMissing(error: unknown): boolean {
  const reason = reasonOf(error)
  return reason.includes('NOGROUP') || reason.includes('no such key')
}

function unlessMissing(error: unknown): void {
  if (!isGroupMissing(error)) throw error
}
