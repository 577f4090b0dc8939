import { isTransactional, type Store } from '../core/store.ts'
import type { SqliteTx } from '../stores/sqlite/index.ts'

export interface Overdue {
  readonly count: number
  /** How long the oldest of them should have been gone. */
  readonly oldestMs: number
}

/**
 * How many records are past their retention and not yet swept; `undefined` where the store cannot tell. The port hides
 * such records on purpose, so this asks the one store that has a table for it.
 */
export async function overdueIn(store: Store): Promise<Overdue | undefined> {
  if (store.name !== 'sqlite' || !isTransactional<SqliteTx>(store)) return undefined
  const now = Date.now()
  const [row] = await store.transaction(async (tx) =>
    tx
      .prepare(
        'SELECT count(*) AS n, min(retain_until) AS oldest FROM onlyonce_operations WHERE retain_until <= ? AND lease_until <= ?',
      )
      .all(now, now),
  )
  const { n, oldest } = Object(row) as { n?: unknown; oldest?: unknown }
  const count = Number(n ?? 0)
  return { count, oldestMs: count === 0 ? 0 : Math.max(0, now - Number(oldest)) }
}
