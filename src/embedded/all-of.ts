import type { SqliteStatement } from './driver.ts'
import { type Row, smallNumbers } from './statements.ts'

type Params = Parameters<SqliteStatement['all']>

/** With one of these words in it a statement may write, and must not be run a second time. */
const MAY_WRITE = /\b(?:insert|update|delete|replace)\b/i

/**
 * All rows. `node:sqlite` refuses to round an integer that no JavaScript number can hold, when the statement has been run:
 * such rows are read with bigints.
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
