import type { ObservedRecord } from '../../core/record.ts'
import { storedError } from '../../core/result.ts'
import { replaced } from './errors.ts'
import type { TokenClaim, TokenRecordName, TokenStore } from './store-calls.ts'

/** Lease of the claim that writes a new token's record. It may be short: nobody else knows the token yet. */
export const PUTTING_MS = 500

/** The state of a record before a claim. `attempt`: number of owners that abandoned it. */
export type Before = Pick<ObservedRecord, 'attempt' | 'starts' | 'steps'>

/**
 * Whether a redemption has finished a step or was abandoned: then only the same token leads to its record, and to the
 * keys sent downstream. The first claim and the first step are those of writing the token's record.
 */
export function mayHaveHappened({ attempt, starts, steps }: Before): boolean {
  return steps.length > 1 || (steps.length === 1 && attempt > 0 && starts > 1)
}

/** Whether the issuer died before it had written the token's record, so that nobody got the token. */
export function wasNeverPut({ attempt, starts, steps }: Before): boolean {
  return steps.length === 0 || (attempt > 0 && starts === 1)
}

/** Returns how long the slot has been held. A slot is claimed with equal times for lease and retention. */
export function heldMs({ leaseUntil, retainUntil, readAt }: ObservedRecord): number {
  return readAt - (leaseUntil - (retainUntil - leaseUntil))
}

/** `changed`: the token's record was written since it was read. */
export type Revocation = 'dead' | 'kept' | 'changed'

/**
 * Ends a token, unless it is being redeemed or `isFree` is false for the record that the claim finds. A token without a
 * record gets one: its issuer may be alive and about to write it, and must find that it is too late.
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
