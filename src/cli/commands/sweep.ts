import { EXIT } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { storeUrl, withStore } from '../store.ts'
import { counted, safeJson } from '../text.ts'

export interface SweepOptions {
  readonly store?: string
  readonly json?: boolean
  readonly limit: number
  readonly all?: boolean
}

/** Removes records whose retention is over: one batch, or with `all` every batch. */
export async function sweep(io: Io, { store: flag, json, limit, all = false }: SweepOptions): Promise<number> {
  return withStore(storeUrl(io, flag), async (store) => {
    let swept = 0
    let batch = 0
    do {
      batch = await store.sweep(limit)
      swept += batch
      if (io.isTTY.stderr && all) io.stderr.write(`\r${swept} removed `)
    } while (all && batch >= limit)
    if (io.isTTY.stderr && all) io.stderr.write('\r\u001b[K')
    const isMore = batch >= limit
    line(io.stdout, json ? safeJson({ swept, more: isMore }) : `removed ${counted(swept, 'record')} past retention`)
    if (isMore) line(io.stderr, 'The limit was reached, so there may be more: run it again, or add --all')
    return EXIT.ok
  })
}
