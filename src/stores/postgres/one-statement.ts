import { invalidOption } from '../../core/option-rules.ts'
import { placeholdersOf } from '../../core/placeholders.ts'
import type { PgTx } from './client.ts'

/** An effect that is a single statement. */
export interface OneStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

const known = new WeakMap<object, OneStatement>()

/** SELECT is refused: in a WITH, PostgreSQL never runs a SELECT whose rows nobody reads. */
const CHANGES_ROWS = /^\s*(insert|update|delete)\s/i

/**
 * Returns an effect for `once.atomic` that is one INSERT, UPDATE or DELETE, with `$1`, `$2`, … for its `values`. It is
 * sent with its claim in one round trip, where a transaction takes three. Its value is `undefined`; rows of a RETURNING
 * are dropped. With `{ tx }` and in partitions it runs like any other effect; a key that has a record already is
 * handled by a transaction.
 * @throws OnlyonceError OPTION_INVALID
 */
export function oneStatement(text: string, values: readonly unknown[] = []): (tx: PgTx) => Promise<void> {
  if (typeof text !== 'string' || !CHANGES_ROWS.test(text)) {
    throw invalidOption(
      'text',
      'must be one INSERT, UPDATE or DELETE; give `once.atomic` a function for anything else',
      text,
    )
  }
  if (!Array.isArray(values)) throw invalidOption('values', 'must be a list', values)
  const own: readonly unknown[] = [...values]
  const needed = Math.max(0, ...placeholdersOf(text).map(({ number }) => number))
  // The claim's parameters follow, and would be used in place of missing ones.
  if (own.length !== needed)
    throw invalidOption('values', `must be as many as the text has placeholders (${needed})`, own.length)
  const effect = async (tx: PgTx): Promise<void> => {
    await tx.query(text, [...own])
  }
  known.set(effect, { text: text.replace(/[;\s]+$/, ''), values: own })
  return effect
}

export function asOneStatement(effect: unknown): OneStatement | undefined {
  return known.get(Object(effect))
}
