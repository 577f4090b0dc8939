import { EXIT } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { storeUrl, withStore } from '../store.ts'
import { safeJson } from '../text.ts'

export interface MigratePrintOptions {
  readonly store?: string
  readonly json?: boolean
}

/** Prints all statements that create the tables, for people who migrate with another tool. Does not connect. */
export async function migratePrint(io: Io, { store: flag, json = false }: MigratePrintOptions): Promise<number> {
  return withStore(storeUrl(io, flag), async ({ name, schema }) => {
    if (schema === undefined) {
      if (json) line(io.stdout, safeJson([]))
      line(io.stderr, `The ${name} store has no schema to print.`)
      return EXIT.ok
    }
    if (json) line(io.stdout, safeJson(schema.migrations))
    else {
      for (const { version, name: title, statements } of schema.migrations) {
        line(io.stdout, `-- ${version}: ${title}`)
        for (const sql of statements) line(io.stdout, `${sql};`)
      }
    }
    return EXIT.ok
  })
}
