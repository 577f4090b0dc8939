import type { Shape } from './executor.ts'
import type { CutStatement } from './placeholders.ts'

/** The part of Drizzle's `sql` that is used. */
export interface DrizzleSql<Query> {
  raw(text: string): Query
  // biome-ignore lint/suspicious/noExplicitAny: Drizzle's own type of a piece of SQL
  join(chunks: any[]): Query
  param(value: unknown): unknown
}

export const SQL: Shape = {
  name: 'sql',
  must: "must be Drizzle's own: `import { sql } from 'drizzle-orm'`",
  methods: ['raw', 'join', 'param'],
}

export const transactionWith = (...methods: readonly string[]): Shape => ({
  name: 'tx',
  must: 'must be the `tx` of `db.transaction(async (tx) => …)`',
  methods,
})

/** Builds a statement as Drizzle's `sql` template does. */
export function drizzleQuery<Query>(sql: DrizzleSql<Query>, { parts, values }: CutStatement): Query {
  return sql.join(parts.flatMap((part, i) => (i === 0 ? [sql.raw(part)] : [sql.param(values[i - 1]), sql.raw(part)])))
}

/** Drizzle wraps the driver's error, which has the server's code. */
export function driverError(error: unknown): unknown {
  return (Object(error) as { cause?: unknown }).cause ?? error
}
