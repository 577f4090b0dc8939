import { EXIT } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { isMaintained, storeUrl, withStore } from '../store.ts'
import { safeJson } from '../text.ts'

export interface MigratePrintOptions {
  readonly store?: string
  readonly json?: boolean
}

/** Every statement that makes the tables from nothing, for whoever runs migrations with a tool of their own. Connects to nothing. */
export async function migratePrint(io: Io, { store: flag, json = false }: MigratePrintOptions): Promise<number> {
  return withStore(storeUrl(io, flag), async (_, store) => {
    if (!isMaintained(store)) {
      if (json) line(io.stdout, safeJson([]))
      line(io.stderr, `The ${store.name} store has no schema to print.`)
      return EXIT.ok
    }
    if (json) line(io.stdout, safeJson(store.migrations))
    else {
      for (const { version, name, statements } of store.migrations) {
        line(io.stdout, `-- ${version}: ${name}`)
        for (const sql of statements) line(io.stdout, `${sql};`)
      }
    }
    return EXIT.ok
  })
}
