import type { ParkedEntry } from '../../core/store.ts'
import { EXIT } from '../exit.ts'
import { colorsOf, type Io, line } from '../io.ts'
import { outboxOf } from '../outbox.ts'
import { storeUrl, withStore } from '../store.ts'
import { table } from '../table.ts'
import { counted, printable, safeJson } from '../text.ts'
import { duration } from '../time.ts'

export interface OutboxListOptions {
  readonly store?: string
  readonly json?: boolean
  readonly limit: number
  readonly after?: number
}

/** Prints how many messages wait, and the parked ones without their bodies, which may be private. */
export async function outboxLs(io: Io, options: OutboxListOptions): Promise<number> {
  const { limit, after = 0, json = false } = options
  return withStore(storeUrl(io, options.store), async (store) => {
    const outbox = outboxOf(store)
    const { waiting, parked, oldestMs } = await outbox.stats()
    const oldest = waiting === 0 ? '' : `, the oldest for ${duration(oldestMs)}`
    line(io.stderr, `${counted(waiting, 'message')} waiting${oldest}; ${parked} parked`)
    const entries = await outbox.parked(limit, after)
    if (json) for (const entry of entries) line(io.stdout, safeJson(shown(entry)))
    else if (entries.length > 0)
      for (const text of table(COLUMNS, entries, colorsOf(io, 'stdout').dim)) line(io.stdout, text)
    const last = entries.at(-1)
    if (last !== undefined && entries.length === limit)
      line(io.stderr, `There may be more: add --after ${last.position}`)
    return EXIT.ok
  })
}

function shown({ body, ...entry }: ParkedEntry) {
  return { ...entry, bytes: body.length }
}

const COLUMNS = [
  { title: 'POSITION', align: 'right', text: ({ position }: ParkedEntry) => String(position) },
  { title: 'FAILURES', align: 'right', text: ({ failures }: ParkedEntry) => String(failures) },
  { title: 'AGE', align: 'right', text: ({ ageMs }: ParkedEntry) => duration(ageMs) },
  { title: 'TOPIC', text: ({ topic }: ParkedEntry) => printable(topic) },
  { title: 'ID', text: ({ id }: ParkedEntry) => printable(id) },
  { title: 'REASON', text: ({ reason }: ParkedEntry) => printable(reason) },
] as const
