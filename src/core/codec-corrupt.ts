import { isDangerousName } from './codec-format.ts'
import { OnlyonceError } from './errors.ts'

const ADVICE = 'the operation ran, but its answer is lost: check its effect by hand, then forget the key'

/** @throws OnlyonceError `OUTCOME_UNKNOWN`, always. */
export function refuseCorrupt(reason: string): never {
  throw corrupt(reason)
}

/** The error for a stored value that is corrupt. */
export function corrupt(reason: string, cause?: unknown): OnlyonceError {
  return new OnlyonceError('OUTCOME_UNKNOWN', `the stored result is corrupt: ${reason}; ${ADVICE}`, { cause })
}

export function refuseDepth(depthLeft: number): void {
  if (depthLeft === 0) refuseCorrupt('it is nested too deep')
}

export function refuseName(name: string): void {
  if (isDangerousName(name)) refuseCorrupt('it has a member with a name that can reach a prototype')
}
