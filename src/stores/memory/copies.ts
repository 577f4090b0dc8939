import type { ObservedRecord, OperationRecord, Steps, StoredResult } from '../../core/record.ts'
import type { ClaimOutcome, Completion, Renewal } from '../../core/store.ts'

/**
 * Bytes are copied on their way in and out, as a wire would do: neither a buffer that the caller uses again nor
 * somebody who writes to an answer can change a record.
 */
export function takenSteps(renewal: Renewal): Renewal {
  return renewal.steps === undefined ? renewal : { ...renewal, steps: copySteps(renewal.steps) }
}

export function takenResult(completion: Completion): Completion {
  return { ...completion, result: copyResult(completion.result) }
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

/** `Buffer.from` takes small ones from a pool, which is faster by far; what is handed out is no Buffer all the same. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(bytes)
  return new Uint8Array(buffer, byteOffset, length)
}
