import type { TransactionalStore } from '../../src/core/store.ts'

/** The transaction of any of the SQL stores. */
export interface AnyTx {
  prepare?(sql: string): { run(...values: string[]): unknown; all(): unknown }
  query?(sql: string, values?: readonly string[]): Promise<unknown>
}

export async function write(tx: AnyTx, id: string): Promise<void> {
  // Ids are the test's own, and placeholders differ.
  await run(tx, `INSERT INTO effects (id) VALUES ('${id}')`)
}

export async function makeLedger(store: TransactionalStore<AnyTx>): Promise<void> {
  await store.transaction(async (tx) => void (await run(tx, 'CREATE TABLE effects (id VARCHAR(50))')))
}

/** How often each id took effect. */
export async function readLedger(store: TransactionalStore<AnyTx>): Promise<Record<string, number>> {
  const answer = await store.transaction((tx) => run(tx, 'SELECT id FROM effects'))
  // SQLite answers the rows, PostgreSQL an object with them, MySQL a list of which they are the first.
  const rows = Array.isArray(answer) ? (Array.isArray(answer[0]) ? answer[0] : answer) : Object(answer).rows
  return counted((rows as { id: string }[]).map(({ id }) => id))
}

export function counted(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1
  return counts
}

async function run(tx: AnyTx, sql: string): Promise<unknown> {
  if (tx.query !== undefined) return tx.query(sql)
  return sql.startsWith('SELECT') ? tx.prepare?.(sql).all() : tx.prepare?.(sql).run()
}
