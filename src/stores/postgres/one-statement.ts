import { invalidOption } from '../../core/options.ts'
import { placeholdersOf } from '../../core/placeholders.ts'
import type { PgTx } from './client.ts'

/** An effect that is one statement. */
export interface OneStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

const known = new WeakMap<object, OneStatement>()

/** Those that change rows: PostgreSQL never runs a SELECT whose rows nobody reads. */
const CHANGES_ROWS = /^\s*(insert|update|delete)\s/i

/**
 * An effect for `once.atomic` that is one INSERT, UPDATE or DELETE, with `$1`, `$2`, … for each of its `values`: it travels with its claim in
 * one round trip, where a transaction takes three. What it answers is `undefined`; rows of a RETURNING are not kept. With
 * `{ tx }` and in partitions it runs like every other effect; what is known of its key already is read by a transaction.
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
  // Those of the claim come behind them, and would be taken for what is missing.
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
