import { checksOf } from '../checks.ts'
import { EXIT } from '../exit.ts'
import { colorsOf, type Io, line } from '../io.ts'
import { storeUrl, withStore } from '../store.ts'
import { storeFlag } from '../store-flag.ts'
import { padded, printableLines, safeJson } from '../text.ts'

export interface DoctorOptions {
  readonly store?: string
  readonly json?: boolean
}

/** Checks the store without changing anything. Exit code 1 when a check failed; 3 when the store cannot be reached. */
export async function doctor(io: Io, { store: flag, json = false }: DoctorOptions): Promise<number> {
  const url = storeUrl(io, flag)
  return withStore(url, async (store) => {
    const checks = await checksOf(store, storeFlag(flag))
    const isOk = checks.every(({ status }) => status !== 'failed')
    if (json) line(io.stdout, safeJson({ store: store.name, ok: isOk, checks }))
    else {
      const colors = colorsOf(io, 'stdout')
      const paint = { ok: colors.green, note: colors.cyan, failed: colors.red }
      for (const { name, status, detail, fix } of checks) {
        line(io.stdout, `${paint[status](padded(status, 6))}  ${padded(name, 9)}  ${printableLines(detail)}`)
        if (fix !== undefined) line(io.stdout, `${' '.repeat(19)}run: ${fix}`)
      }
    }
    return isOk ? EXIT.ok : EXIT.failed
  })
}
