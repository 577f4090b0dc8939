import { isForgotten } from '../sql/forgotten.ts'
import type { Row } from '../sql/rows.ts'
import type { Asking, Sender } from './asking.ts'
import type { Floors } from './floors.ts'
import { packRows } from './packing.ts'
import type { Statements } from './statements.ts'

/** Most records that one transaction removes, since it holds its locks until it commits. */
const MAX_REMOVED = 500

/**
 * Removes records whose retention is over, and forgotten ones, which are not counted. The fence floor is raised in the
 * same transaction, just before the deletes, because concurrent sweeps wait for its row.
 */
export function createSweep(ask: Asking['ask'], statements: Statements, floors: Floors) {
  async function remove(send: Sender, limit: number): Promise<readonly Row[]> {
    await send.plain('SET TRANSACTION ISOLATION LEVEL READ COMMITTED')
    await send.plain('START TRANSACTION')
    try {
      const rows = await send.plain(statements.doomed(limit))
      if (rows.length > 0) {
        // A damaged fence must not become the floor of all others.
        const fences = rows.map(({ fence }) => Number(fence)).filter(Number.isSafeInteger)
        const highest = Math.max(0, ...fences)
        await send.write(statements.raiseFloor, [String(highest)])
        const ids = rows.map(({ id }) => String(id)).sort()
        await send.write(statements.remove, [packRows(ids.map((id) => [id]))])
        floors.handedOut(highest)
      }
      await send.plain('COMMIT')
      return rows
    } catch (error) {
      await send.plain('ROLLBACK').catch(() => {})
      throw error
    }
  }

  return async (limit: number): Promise<number> => {
    let removed = 0
    while (removed < limit) {
      const most = Math.min(limit - removed, MAX_REMOVED)
      const rows = await ask('sweep', (send) => remove(send, most))
      removed += rows.filter((row) => !isForgotten(row)).length
      if (rows.length < most) break
    }
    return removed
  }
}
