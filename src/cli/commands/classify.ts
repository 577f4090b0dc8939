import { type Classification, classifyMethod, classify as classifySql, type Dialect } from '../../guards/sql.ts'
import { EXIT, usage } from '../exit.ts'
import { colorsOf, type Io, line } from '../io.ts'
import { printableLines, safeJson } from '../text.ts'

export interface ClassifyOptions {
  /** The positional argument: SQL, or the name of an HTTP method. */
  readonly key: string
  readonly dialect?: Dialect
  readonly json?: boolean
}

/** Prints whether it is idempotent, and what to do if not. Exits with 0 whatever the verdict. */
export async function classify(io: Io, { key: given, dialect, json = false }: ClassifyOptions): Promise<number> {
  if (given.trim() === '') throw usage('name what to classify: a statement of SQL, or an HTTP method such as PUT')
  const { verdict, reasons, guard } = await classified(given.trim(), dialect)
  if (json) {
    line(io.stdout, safeJson({ verdict, reasons, guard: guard ?? null }))
    return EXIT.ok
  }
  const colors = colorsOf(io, 'stdout')
  const shown = {
    idempotent: colors.green,
    'not-idempotent': colors.red,
    depends: colors.yellow,
    unknown: colors.yellow,
  }
  line(io.stdout, shown[verdict](verdict))
  for (const reason of reasons) line(io.stdout, `  ${printableLines(reason)}`)
  if (guard !== undefined) line(io.stdout, `guard: ${printableLines(guard)}`)
  return EXIT.ok
}

/** A single word of letters is a method, in any case. */
async function classified(given: string, dialect: Dialect | undefined): Promise<Classification> {
  if (/^[A-Za-z]+$/.test(given)) {
    const method = classifyMethod(given.toUpperCase())
    if (method.verdict !== 'unknown') return method
  }
  return classifySql(given, dialect === undefined ? {} : { dialect })
}
