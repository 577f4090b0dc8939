import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import { portOf } from '../port/of-tx.ts'
import { withoutTexts } from '../port/texts.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import { inputOf, type SqlValue } from '../port/values.ts'

/**
 * Runs one conditional write and returns whether the condition held:
 * `UPDATE stock SET left = left - 1, version = 8 WHERE sku = 'mug' AND version = 7`. A duplicate finds version 8 and changes
 * nothing. The caller must choose a condition that no longer holds after the write.
 *
 * Placeholders are those of the database: `$1`, `$2` for PostgreSQL, `?` for the others.
 * @throws OnlyonceError OPTION_INVALID for a statement without condition, and when the library does not count rows
 */
export async function onlyIf(
  tx: SqlTx,
  sql: string,
  values: readonly SqlValue[] = [],
  options: DialectOption = {},
): Promise<'applied' | 'skipped'> {
  refuseUnknown(options, ['dialect'])
  const port = portOf(tx, options?.dialect)
  if (!Array.isArray(values)) throw invalidOption('values', 'must be a list of values', values)
  const bare = typeof sql === 'string' ? withoutTexts(port.dialect, sql) : ''
  // The WHERE of a subquery is no condition of the write. What begins with WITH may write inside of parentheses.
  const own = /^\s*(update|delete)\b/i.test(bare) ? withoutParentheses(bare) : bare
  if (!/\bwhere\b/i.test(own) || /^\s*select\b/i.test(bare)) {
    throw new OnlyonceError('OPTION_INVALID', `a write that is to be applied only if needs a WHERE; got ${quote(sql)}`)
  }
  // Of several statements, some drivers count only the last, and others run only the first.
  if (/;\s*\S/.test(bare)) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      `a write that is to be applied only if is one statement; got ${quote(sql)}`,
    )
  }
  const changed = await port.change(
    sql,
    values.map((value, nth) => inputOf(`${nth + 1}`, value)),
  )
  if (changed !== undefined) return changed > 0 ? 'applied' : 'skipped'
  throw new OnlyonceError(
    'OPTION_INVALID',
    `the executor does not tell how many rows ${quote(sql)} changed: end it with RETURNING 1; roll back, it may have been applied`,
  )
}

function withoutParentheses(sql: string): string {
  let depth = 0
  return [...sql].filter((char) => (char === '(' ? depth++ : char === ')' ? depth-- : depth) === 0).join('')
}
