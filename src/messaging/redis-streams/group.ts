import { reasonOf } from '../../core/errors.ts'
import { REASON_HEADER } from '../headers.ts'
import type { Entry } from './entry.ts'
import { deadStream, NOBODY, OUR_NAMES, type ResolvedSource } from './options.ts'
import type { RunScript } from './port.ts'

/** What keeping an entry came to. `gone`: it was trimmed or flushed away, so that nobody else can be given it. */
export type Kept = 'ok' | 'lost' | 'gone'

/** A consumer group of a stream, seen by one of its consumers. Each verb is one atomic step in Redis. */
export interface Group {
  /** The last entry that was there when the group was made; `undefined` when the group was there. */
  make(): Promise<string | undefined>
  /** What nobody was given yet; `'missing'` when the group lists more as ours than the `known` entries. */
  fetch(max: number, known: number): Promise<Found | 'missing'>
  /** What the group lists as ours, behind `after`. */
  own(after: string, max: number): Promise<Found>
  /** Takes over what others were silent about; `next` is `'0-0'` when all of it was looked through. */
  claim(from: string, max: number): Promise<Found & { readonly next: string }>
  keep(ids: readonly string[]): Promise<readonly Kept[]>
  ack(ids: readonly string[]): Promise<void>
  /** `gone`: the group does not list it any more, and nobody else has it. */
  bury(entry: Entry, reason: string, gone: boolean): Promise<void>
  /** Somebody may have these, each when so many ms are over. */
  giveBack(entries: readonly (readonly [id: string, delayMs: number])[]): Promise<void>
  leave(): Promise<void>
}

export interface Found {
  readonly entries: readonly Entry[]
  /** Trimmed before anybody handled them. */
  readonly trimmed: readonly string[]
}

const KEPT: readonly Kept[] = ['lost', 'ok', 'gone']
/** A consumer that says nothing for so long is dead. */
const DEAD_AFTER_MS = 3_600_000

type RawEntry = readonly [Buffer, readonly Buffer[] | null] | null

export function createGroup(run: RunScript, source: ResolvedSource): Group {
  const { stream, group, consumer, takeOverMs, deleteHandled } = source
  const us = [group, consumer]
  const deletes = deleteHandled ? '1' : '0'

  async function bury({ at, fields }: Entry, reason: string, gone: boolean): Promise<void> {
    const copy = [...fields, REASON_HEADER, reason]
    await run('bury', [stream, deadStream(stream)], [...us, at, deletes, gone ? '1' : '0', ...copy])
  }

  return {
    async make() {
      const last = (await run('make', [stream], us)) as Buffer | null
      return last?.toString()
    },
    async fetch(max, known) {
      const read = (await run('fetch', [stream], [...us, String(max), String(known)])) as number | RawEntry[]
      return typeof read === 'number' ? 'missing' : found(read)
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
    async keep(ids) {
      if (ids.length === 0) return []
      try {
        const kept = (await run('keep', [stream], [...us, ...ids])) as number[]
        return kept.map((one) => KEPT[one] as Kept)
      } catch (error) {
        if (!isGroupMissing(error)) throw error
        return ids.map(() => 'gone')
      }
    },
    async ack(ids) {
      // What is not ours any more, or not there, needs no word from us.
      await run('ack', [stream], [...us, deletes, ...ids]).catch(unlessMissing)
    },
    async bury(entry, reason, gone) {
      try {
        await bury(entry, reason, gone)
      } catch (error) {
        if (gone || !isGroupMissing(error)) throw error
        await bury(entry, reason, true)
      }
    },
    async giveBack(entries) {
      if (entries.length === 0) return
      const idle = entries.flatMap(([id, delayMs]) => [id, String(Math.max(0, Math.ceil(takeOverMs - delayMs)))])
      await run('back', [stream], [...us, NOBODY, ...idle]).catch(unlessMissing)
    },
    async leave() {
      await run('leave', [stream], [...us, OUR_NAMES, String(DEAD_AFTER_MS)]).catch(unlessMissing)
    },
  }
}

function found(raw: readonly RawEntry[]): Found {
  const entries: Entry[] = []
  const trimmed: string[] = []
  for (const one of raw) {
    // Redis 6 answers nothing at all where an entry was trimmed.
    if (one === null) continue
    const [at, fields] = one
    if (fields === null) trimmed.push(at.toString())
    else entries.push({ at: at.toString(), fields })
  }
  return { entries, trimmed }
}

/** After a flush, after a restart without its data, or after a fail-over to a replica that had not heard of it. */
export function isGroupMissing(error: unknown): boolean {
  const reason = reasonOf(error)
  return reason.includes('NOGROUP') || reason.includes('no such key')
}

function unlessMissing(error: unknown): void {
  if (!isGroupMissing(error)) throw error
}
