import type { EffectValue } from './history.ts'

/** The part of every store's transaction that an effect of these tests writes with. */
export interface AnyTx {
  prepare?(sql: string): { run(...values: unknown[]): unknown }
  query?(sql: string, values?: unknown[]): Promise<unknown>
}

/** Nothing in it keeps a key from having two rows: that is what the library is for. */
export const CREATE = 'CREATE TABLE chaos_effects (op_key varchar(64), owner varchar(64), fence bigint, attempt int)'
export const SELECT = 'SELECT op_key, owner, fence, attempt FROM chaos_effects'

export interface BusinessRow extends EffectValue {
  readonly key: string
}

export async function writeRow(tx: AnyTx, { key, owner, fence, attempt }: BusinessRow, dollars: boolean) {
  const places = dollars ? '$1, $2, $3, $4' : '?, ?, ?, ?'
  const sql = `INSERT INTO chaos_effects (op_key, owner, fence, attempt) VALUES (${places})`
  if (tx.prepare !== undefined) tx.prepare(sql).run(key, owner, fence, attempt)
  else await tx.query?.(sql, [key, owner, fence, attempt])
}

/** Drivers differ in how they hand a 64-bit number over. */
export function rowOf(row: unknown): BusinessRow {
  const { op_key, owner, fence, attempt } = row as Readonly<Record<string, unknown>>
  return { key: String(op_key), owner: String(owner), fence: Number(fence), attempt: Number(attempt) }
}
