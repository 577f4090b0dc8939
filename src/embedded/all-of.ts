import type { SqliteStatement } from './driver.ts'
import { type Row, smallNumbers } from './statements.ts'

type Params = Parameters<SqliteStatement['all']>

/** A statement with one of these words may write, so it must not run twice. */
const MAY_WRITE = /\b(?:insert|update|delete|replace)\b/i

/**
 * Returns all rows. After running a statement, `node:sqlite` refuses integers that a JavaScript number cannot hold
 * exactly: such rows are read with bigints.
 */
export function allOf(compiled: SqliteStatement, sql: string, params: Params): readonly Row[] {
  const { setReadBigInts } = compiled as { setReadBigInts?: (on: boolean) => void }
  if (setReadBigInts === undefined) return compiled.all(...params) as Row[]
  if (!MAY_WRITE.test(sql)) {
    try {
      return compiled.all(...params) as Row[]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_OUT_OF_RANGE') throw error
    }
  }
  setReadBigInts.call(compiled, true)
  try {
    return compiled.all(...params).map(smallNumbers)
  } finally {
    setReadBigInts.call(compiled, false)
  }
}
