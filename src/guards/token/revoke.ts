import type { ObservedRecord } from '../../core/record.ts'
import { storedError } from '../../core/result.ts'
import { replaced } from './errors.ts'
import type { TokenClaim, TokenRecordName, TokenStore } from './store-calls.ts'

/** Nobody else knows a fresh token, so the short claim that puts it down has no rival. */
export const PUTTING_MS = 500

/** What was there before a claim. `attempt`: how many of those who claimed it disappeared. */
export type Before = Pick<ObservedRecord, 'attempt' | 'starts' | 'steps'>

/**
 * A redemption of it finished a part, or disappeared: only the same token leads to that record, and to the keys that
 * were sent downstream. The first claim and the first step are those of its putting.
 */
export function mayHaveHappened({ attempt, starts, steps }: Before): boolean {
  return steps.length > 1 || (steps.length === 1 && attempt > 0 && starts > 1)
}

/** Whoever was to put it down disappeared before it could be told. */
export function wasNeverPut({ attempt, starts, steps }: Before): boolean {
  return steps.length === 0 || (attempt > 0 && starts === 1)
}

/** How long the slot has been held. A slot is claimed with the same time for lease and retention. */
export function heldMs({ leaseUntil, retainUntil, readAt }: ObservedRecord): number {
  return readAt - (leaseUntil - (retainUntil - leaseUntil))
}

/** `changed`: it was put since it was looked for. */
export type Revocation = 'dead' | 'kept' | 'changed'

/**
 * Ends a token, unless somebody redeems it or `isFree` says no of what the claim finds. One that is not put yet gets a
 * record in its place: whoever is about to put it is not dead for sure, and must find that it is too late.
 */
export async function revoke(
  calls: TokenStore,
  name: TokenRecordName,
  { retentionMs, ...request }: Omit<TokenClaim, 'leaseMs'>,
  isFree: (before: Before) => boolean,
): Promise<Revocation> {
  const claim = await calls.claim(name, { ...request, leaseMs: PUTTING_MS, retentionMs })
  switch (claim?.kind) {
    case 'granted': {
      const { lease, attempt, starts, steps } = claim
      if (!isFree({ attempt: attempt - 1, starts: starts - 1, steps })) {
        await calls.release(lease)
        return 'kept'
      }
      const written = await calls.complete({ lease, result: storedError(replaced()), retentionMs })
      return written === 'ok' ? 'dead' : 'kept'
    }
    case 'done':
      return claim.result.kind === 'unknown' ? 'kept' : 'dead'
    case 'mismatch':
      return 'changed'
    default:
      return 'kept'
  }
}
