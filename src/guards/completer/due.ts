import { operationId } from '../../core/key.ts'
import type { ObservedRecord } from '../../core/record.ts'

export interface Patience {
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

/**
 * How long an abandoned operation is to be left alone from now on, by the store's clock; 0 when it is due.
 *
 * Reckoned from the record alone, so that it holds for all completers together and across their restarts. The jitter is
 * a digest of the operation and its last claim: after an outage operations come back spread out, whoever looks.
 */
export function leftAloneMs(record: ObservedRecord, { backoffMs, maxBackoffMs }: Patience): number {
  // The first owner vanished: nothing has failed yet.
  if (record.starts <= 1) return 0
  const ceiling = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(record.starts - 2, 50))
  const pause = ceiling * (0.5 + fractionOf(record) / 2)
  return Math.max(0, record.leaseUntil + pause - record.readAt)
}

function fractionOf({ id, fence }: ObservedRecord): number {
  return Number.parseInt(operationId(id, String(fence)).slice(0, 8), 16) / 2 ** 32
}
