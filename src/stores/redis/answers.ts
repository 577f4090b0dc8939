// Decodes the answers of the scripts.
import { ofWholeCall } from '../../core/batcher.ts'
import { encodeResult } from '../../core/codec.ts'
import { OnlyonceError } from '../../core/errors.ts'
import type { ObservedRecord, OperationId, StoredResult } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, WriteOutcome } from '../../core/store.ts'
import { readSteps, toRecord, toResult } from './format.ts'
import { MARK_BYTES } from './requests.ts'

/**
 * Returns a script's answer to the call whose ARGV[1] was `asked`, without its mark.
 * @throws OnlyonceError OUTCOME_UNKNOWN when the client has mixed up replies (CVE-2023-28858); STORE_UNAVAILABLE when it
 * answers text
 */
export function answerTo(asked: Buffer, answer: unknown): Buffer {
  if (!Buffer.isBuffer(answer)) throw ofWholeCall(noBytes(answer))
  if (answer.subarray(0, MARK_BYTES).equals(asked.subarray(0, MARK_BYTES))) return answer.subarray(MARK_BYTES)
  const message =
    'redis answered another call than this one: its client mixes up replies, and nothing it says can be used'
  throw ofWholeCall(new OnlyonceError('OUTCOME_UNKNOWN', message))
}

function noBytes(answer: unknown): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the client answered ${typeof answer} where redis sent bytes: node-redis has to be of version 5 or later`,
  )
}

/** @throws Error when the bytes are not an answer to these requests */
export function readClaims(bytes: Buffer, requests: readonly ClaimRequest[]): ClaimOutcome[] {
  let at = 0
  const fence = () => {
    at += 7
    return (bytes[at - 7] as number) * 2 ** 48 + bytes.readUIntBE(at - 6, 6)
  }
  const number = (size: number) => {
    at += size
    return bytes.readUIntBE(at - size, size)
  }
  const text = () => {
    const size = number(4)
    at += size
    return bytes.subarray(at - size, at)
  }
  return requests.map(({ id, owner }) => {
    switch (String.fromCharCode(number(1))) {
      case 'g': {
        const lease = { id, owner, fence: fence() }
        return { kind: 'granted', lease, attempt: number(3), starts: number(3), steps: readSteps(text()) }
      }
      case 'd': {
        const doneFence = fence()
        const state = number(1)
        const body = text()
        return { kind: 'done', id, fence: doneFence, result: doneFence === 0 ? nothing() : toResult(state, body) }
      }
      case 'r':
        return { kind: 'running', retryAfterMs: number(6) }
      case 'm':
        return { kind: 'mismatch' }
      default:
        throw new Error('the answer to a claim has an unknown form')
    }
  })
}

export function readWrites(bytes: Buffer, count: number): WriteOutcome[] {
  if (bytes.length !== count) throw new Error(`${bytes.length} answers came to ${count} requests`)
  return Array.from(bytes, (letter) => (letter === OK ? 'ok' : 'lost'))
}

const NOTHING = encodeResult(undefined)
const COMPACTED_BYTES = 13
const OK = 'o'.charCodeAt(0)

export function readRecords(
  bytes: Buffer,
  ids: readonly OperationId[],
  unreadable: (id: OperationId, error: unknown) => Error,
): (ObservedRecord | undefined)[] {
  const readAt = bytes.readUIntBE(0, 6)
  let at = 6
  return ids.map((id) => {
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    if (at === start) return undefined
    if (at === start + COMPACTED_BYTES && bytes[start] === 0) return compacted(id, bytes.subarray(start, at), readAt)
    try {
      return toRecord(id, bytes.subarray(start, at), readAt)
    } catch (error) {
      throw unreadable(id, error)
    }
  })
}

/** The result of a compacted operation, which has none stored: it is recognised by the fence 0. */
function nothing(): StoredResult {
  return { kind: 'value', body: new Uint8Array(NOTHING) }
}

/** The record of a compacted operation, known only to have completed within an epoch, and until when that is kept. */
function compacted(id: OperationId, bytes: Buffer, readAt: number): ObservedRecord {
  const gone = { fingerprint: '', owner: '', fence: 0, attempt: 1, starts: 1, steps: [] }
  const [from, retainUntil] = [bytes.readUIntBE(1, 6), bytes.readUIntBE(7, 6)]
  return { ...gone, id, state: 'done', leaseUntil: from, retainUntil, createdAt: from, result: nothing(), readAt }
}
