import type { Decision } from '../../core/lifecycle.ts'
import type { Lease, OperationRecord } from '../../core/record.ts'
import type { WriteOutcome } from '../../core/store.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { type Row, time, toMs, toRecord } from '../sql/rows.ts'
import type { Sender } from './asking.ts'
import { look } from './claiming.ts'
import type { Floors } from './floors.ts'
import { batched, type Field } from './packing.ts'
import type { Batched } from './sql/asked.ts'
import type { Statements } from './statements.ts'

const MAX_RACES = 20

export interface Settling<Item> {
  readonly statement: Batched
  readonly leaseOf: (item: Item) => Lease
  readonly fields: (item: Item) => readonly Field[]
  readonly decide: (current: OperationRecord | undefined, item: Item, now: number) => Decision<WriteOutcome>
  /** See `Asking.ask`. */
  readonly once?: 'once'
}

/**
 * Writes a batch, sorted by id, in one statement. If all rows are reported as changed, all leases hold, whatever the
 * connection counts as changed. Otherwise the records are read, and the lifecycle decides what to answer now: `ok` for
 * records that this call or an earlier copy of it has written, `lost` for the rest.
 */
export async function settleBatch<Item>(
  send: Sender,
  statements: Statements,
  floors: Floors,
  { statement, leaseOf, fields, decide }: Settling<Item>,
  items: readonly Item[],
): Promise<ReadonlyMap<Item, WriteOutcome>> {
  const answers = new Map<Item, WriteOutcome>()
  let left = items
  for (let races = 0; left.length > 0; races++) {
    if (races === MAX_RACES) throw new Error(`${left.length} operations changed each time they were written`)
    const header = await send.write(...batched(statement, left.map(fields)))
    if (header.affectedRows === left.length) {
      for (const item of left) answers.set(item, 'ok')
      break
    }
    // Judge by the time of the write: retention may have ended since.
    const writtenAt = header.affectedRows > 0 && Number(header.insertId) > 0 ? toMs(Number(header.insertId)) : Infinity
    for (const row of await look(send, statements, floors, left.map(leaseOf))) {
      const item = left[Number(row.n) - 1] as Item
      const { outcome, write } = decide(recordOf(row), item, Math.min(time(row, 'now'), writtenAt))
      if (write === undefined) answers.set(item, outcome)
    }
    left = left.filter((item) => !answers.has(item))
  }
  return answers
}

/** Returns undefined without a record, and for one that cannot be read: no lease holds it. */
function recordOf(row: Row): OperationRecord | undefined {
  if (row.id === null || isForgotten(row)) return undefined
  try {
    return toRecord(row)
  } catch {
    return undefined
  }
}
