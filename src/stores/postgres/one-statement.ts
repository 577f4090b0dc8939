import { invalidOption } from '../../core/options.ts'
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
 * An effect for `once.atomic` that is one INSERT, UPDATE or DELETE, with `$1`, `$2`, … for its `values`: it travels with its claim in
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
  const effect = async (tx: PgTx): Promise<void> => {
    await tx.query(text, [...values])
  }
  known.set(effect, { text: text.replace(/[;\s]+$/, ''), values })
  return effect
}

export function asOneStatement(effect: unknown): OneStatement | undefined {
  return known.get(Object(effect))
}
