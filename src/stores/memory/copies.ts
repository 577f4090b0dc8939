import type { ObservedRecord, OperationRecord, Steps, StoredResult } from '../../core/record.ts'
import type { ClaimOutcome, Completion, Renewal } from '../../core/store.ts'

/**
 * Bytes are copied on their way in and out, so that a caller that reuses its buffer, or writes to a result, cannot
 * change a record.
 */
export function takenSteps(renewal: Renewal): Renewal {
  return renewal.steps === undefined ? renewal : { ...renewal, steps: copySteps(renewal.steps) }
}

export function takenResult(completion: Completion): Completion {
  const { kind, body } = completion.result
  return { ...completion, result: { kind, body: keptBytes(body) } }
}

export function handedOut(outcome: ClaimOutcome): ClaimOutcome {
  if (outcome.kind === 'granted')
    return outcome.steps.length === 0 ? outcome : { ...outcome, steps: copySteps(outcome.steps) }
  return outcome.kind === 'done' ? { ...outcome, result: copyResult(outcome.result) } : outcome
}

export function observed(record: OperationRecord, readAt: number): ObservedRecord {
  const { result, steps } = record
  return { ...record, steps: copySteps(steps), ...(result === undefined ? {} : { result: copyResult(result) }), readAt }
}

function copySteps(steps: Steps): Steps {
  return steps.map(({ name, result }) => ({ name, result: copyBytes(result) }))
}

function copyResult({ kind, body }: StoredResult): StoredResult {
  return { kind, body: copyBytes(body) }
}

const SLAB_BYTES = 8 * 1024
let slab = new ArrayBuffer(SLAB_BYTES)
let used = 0

/**
 * Copies results into shared slabs, which is far faster than an allocation for each. Not the pool of `Buffer.from`:
 * half of that would be encoder output that is no longer needed but kept alive by its neighbours, doubling the memory.
 */
function keptBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length > SLAB_BYTES / 2) return new Uint8Array(bytes)
  if (used + bytes.length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES)
    used = 0
  }
  const kept = new Uint8Array(slab, used, bytes.length)
  kept.set(bytes)
  used += bytes.length
  return kept
}

/** `Buffer.from` takes small copies from a pool, which is far faster; the copy returned is a plain `Uint8Array`. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(bytes)
  return new Uint8Array(buffer, byteOffset, length)
}
