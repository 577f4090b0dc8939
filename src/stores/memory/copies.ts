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
  return { ...completion, result: new KeptResult(kind, body) }
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
let slab = new Uint8Array(SLAB_BYTES)
let used = 0

/**
 * A result whose bytes are a part of a slab that it shares with others: neither a buffer nor a view is kept for each,
 * which would cost more than most results, and every full garbage collection would visit them. Not the pool of
 * `Buffer.from`: half of that would be output of the encoder that only its neighbours keep alive.
 */
class KeptResult implements StoredResult {
  readonly kind: StoredResult['kind']
  readonly #slab: Uint8Array
  readonly #at: number
  readonly #length: number

  constructor(kind: StoredResult['kind'], body: Uint8Array) {
    const { length } = body
    const shared = length <= SLAB_BYTES / 2
    if (shared && used + length > SLAB_BYTES) {
      slab = new Uint8Array(SLAB_BYTES)
      used = 0
    }
    this.kind = kind
    this.#slab = shared ? slab : new Uint8Array(length)
    this.#at = shared ? used : 0
    this.#length = length
    this.#slab.set(body, this.#at)
    if (shared) used += length
  }

  get body(): Uint8Array {
    return this.#slab.subarray(this.#at, this.#at + this.#length)
  }
}

/** `Buffer.from` takes small copies from a pool, which is far faster; the copy returned is a plain `Uint8Array`. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(bytes)
  return new Uint8Array(buffer, byteOffset, length)
}
