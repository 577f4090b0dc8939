import { EXIT } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { storeUrl, withStore } from '../store.ts'
import { safeJson } from '../text.ts'

export interface MigrateOptions {
  readonly store?: string
  readonly json?: boolean
  readonly dryRun?: boolean
}

/** Brings the schema up to date. Prints the statements to stdout, so that a dry run can be piped into another tool. */
export async function migrate(io: Io, { store: flag, json = false, dryRun = false }: MigrateOptions): Promise<number> {
  return withStore(storeUrl(io, flag), async ({ name, schema }) => {
    if (schema === undefined) {
      if (json) line(io.stdout, safeJson({ from: null, to: null, dryRun, statements: [] }))
      line(io.stderr, `The ${name} store has no schema to migrate.`)
      return EXIT.ok
    }
    const { from, to, statements } = await schema.migrate({ dryRun })
    if (json) line(io.stdout, safeJson({ from, to, dryRun, statements }))
    else for (const sql of statements) line(io.stdout, `${sql};`)
    line(io.stderr, told(from, to, statements.length, dryRun))
    return EXIT.ok
  })
}

function told(from: number, to: number, statements: number, dryRun: boolean): string {
  if (statements === 0) return `The schema is up to date (version ${to}).`
  const [would, did] =
    from === 0
      ? [`create the schema in version ${to}`, `Created the schema in version ${to}`]
      : from === to
        ? [
            `keep the records of the schema (version ${to}) in partitions`,
            `The records of the schema (version ${to}) are kept in partitions now`,
          ]
        : [`bring the schema from version ${from} to ${to}`, `Brought the schema from version ${from} to ${to}`]
  return dryRun ? `This would ${would}; nothing was changed.` : `${did}.`
}
