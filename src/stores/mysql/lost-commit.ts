import { backoff } from '../../core/backoff.ts'
import type { Lease } from '../../core/record.ts'
import { sleep } from '../../core/runtime.ts'
import { unsettled } from '../sql/endings.ts'
import type { Asking, Sender } from './asking.ts'
import { isOurs } from './claiming-inside.ts'
import type { Leases } from './leases.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import { batched, readable } from './packing.ts'
import { batches, sorted } from './portions.ts'
import type { Statements } from './statements.ts'

/** A COMMIT without an answer, or one that was interrupted: it is unknown whether it happened. */
export interface LostCommit {
  readonly error: Error
  readonly leases: Pick<Leases, 'all' | 'isCertain'>
}

/**
 * Finds out whether the transaction was committed. Call after its connection was closed: a pool of one has no other. A
 * locking read waits until the server has ended the transaction; then the records tell. @throws unless it was committed
 */
export async function findOut(
  asking: Asking,
  statements: Statements,
  { runtime, timeoutMs, lockWaitMs }: ResolvedMysqlOptions,
  { error, leases }: LostCommit,
): Promise<void> {
  if (leases.all.length === 0) throw unsettled(error)
  const deadline = runtime.elapsed() + timeoutMs + lockWaitMs
  const pauseMs = backoff(runtime, 20, 500)
  while (runtime.elapsed() < deadline) {
    const left = await asking
      .ask('find out whether a transaction was committed', (send) => hasLeft(send, statements, leases.all))
      .catch(() => undefined)
    if (left === true) return
    // A claim that the effect itself rolled back leaves no record either, even if the rest was committed.
    if (left === false) throw leases.isCertain() ? error : unsettled(error)
    await sleep(runtime, pauseMs())
  }
  throw unsettled(error)
}

/** Whether there is a record that was written under one of these leases. */
async function hasLeft(send: Sender, statements: Statements, leases: readonly Lease[]): Promise<boolean> {
  for (const batch of batches(sorted(leases, (lease) => lease))) {
    const rows = await send.rows(
      ...batched(
        statements.newest,
        batch.map(({ id }) => [id]),
      ),
    )
    for (const row of rows.map(readable)) {
      const lease = batch[Number(row.n) - 1] as Lease
      if (isOurs(row, lease, lease.fence)) return true
    }
  }
  return false
}
