// What each script answers, back into the words of the port.
import { encodeResult } from '../../core/codec.ts'
import type { ObservedRecord, OperationId, StoredResult } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, WriteOutcome } from '../../core/store.ts'
import { readSteps, toRecord, toResult } from './format.ts'

/** @throws Error when the bytes are not an answer to these requests */
export function readClaims(answer: unknown, requests: readonly ClaimRequest[]): ClaimOutcome[] {
  const bytes = bytesOf(answer)
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

export function readWrites(answer: unknown, count: number): WriteOutcome[] {
  const bytes = bytesOf(answer)
  if (bytes.length !== count) throw new Error(`${bytes.length} answers came to ${count} requests`)
  return Array.from(bytes, (letter) => (letter === OK ? 'ok' : 'lost'))
}

const NOTHING = encodeResult(undefined)
const COMPACTED_BYTES = 13
const OK = 'o'.charCodeAt(0)

export function readRecords(
  answer: unknown,
  ids: readonly OperationId[],
  unreadable: (id: OperationId, error: unknown) => Error,
): (ObservedRecord | undefined)[] {
  const bytes = bytesOf(answer)
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

function bytesOf(answer: unknown): Buffer {
  if (Buffer.isBuffer(answer)) return answer
  throw new Error(`the client answered ${typeof answer} where bytes were asked for`)
}

/** The result of a completed operation of which no result is kept: fences of such are 0, and of no other. */
function nothing(): StoredResult {
  return { kind: 'value', body: new Uint8Array(NOTHING) }
}

/** What is left to say of it: that it was completed at some time of an epoch, and until when that is known. */
function compacted(id: OperationId, bytes: Buffer, readAt: number): ObservedRecord {
  const gone = { fingerprint: '', owner: '', fence: 0, attempt: 1, starts: 1, steps: [] }
  const [from, retainUntil] = [bytes.readUIntBE(1, 6), bytes.readUIntBE(7, 6)]
  return { ...gone, id, state: 'done', leaseUntil: from, retainUntil, createdAt: from, result: nothing(), readAt }
}
