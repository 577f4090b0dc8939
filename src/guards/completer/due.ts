import { type Backoff, ceilingMs } from '../../core/backoff.ts'
import { operationId } from '../../core/key.ts'
import type { ObservedRecord } from '../../core/record.ts'

/**
 * Returns for how many milliseconds, by the store's clock, to leave an abandoned operation alone; 0 when it is due.
 *
 * Computed from the record only, so that it is the same for all completers and across their restarts. The jitter is a
 * digest of the operation and its last claim: it spreads operations after an outage.
 */
export function leftAloneMs(record: ObservedRecord, backoff: Backoff): number {
  // Only the first owner disappeared: nothing has failed yet.
  if (record.starts <= 1) return 0
  const pause = ceilingMs(backoff, record.starts - 1) * (0.5 + fractionOf(record) / 2)
  return Math.max(0, record.leaseUntil + pause - record.readAt)
}

function fractionOf({ id, fence }: ObservedRecord): number {
  return Number.parseInt(operationId(id, String(fence)).slice(0, 8), 16) / 2 ** 32
}
