import { decodeError, decodeResult, encodeError, encodeResult } from './codec.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import type { Settled } from './flights.ts'
import { quote } from './key.ts'
import type { Outcome } from './once.ts'
import type { StoredResult } from './record.ts'

/** Encodes a value to be stored. A value that cannot be encoded still counts: its effect is never run again. */
export function storedValue(value: unknown): StoredResult {
  try {
    return { kind: 'value', body: encodeResult(value) }
  } catch (error) {
    return { kind: 'unstorable', body: new TextEncoder().encode(reasonOf(error)) }
  }
}

export function storedError(error: unknown): StoredResult {
  return { kind: 'error', body: encodeError(error) }
}

/** Decodes a stored result; `undefined` if unknown. @throws OnlyonceError OUTCOME_UNKNOWN when it cannot be read */
export function readResult(
  key: string,
  { kind, body }: StoredResult,
): { value: unknown } | { error: unknown } | undefined {
  switch (kind) {
    case 'value':
      return { value: decodeResult(body) }
    case 'error':
      return { error: decodeError(body) }
    case 'unstorable': {
      const why = new TextDecoder().decode(body)
      return {
        error: new OnlyonceError(
          'RESULT_UNSERIALIZABLE',
          `${quote(key)} is done, but its result could not be stored: ${why}`,
        ),
      }
    }
    case 'unknown':
      return undefined
  }
}

/** Makes an outcome from what the store holds, so that all callers get the same. `unread`: see `VALUE_UNREAD`. */
export function outcomeOf<T>(key: string, settled: Settled, unread = false): Outcome<T> {
  switch (settled.kind) {
    case 'result': {
      if (unread && settled.ran && settled.result.kind === 'value') {
        return { kind: 'executed', value: undefined as T, attempt: settled.attempt, fence: settled.fence }
      }
      const read = readResult(key, settled.result)
      if (read === undefined) return { kind: 'unknown' }
      if ('error' in read) return { kind: 'failed', error: read.error, replayed: !settled.ran }
      const value = read.value as T
      if (!settled.ran) return { kind: 'replayed', value }
      return { kind: 'executed', value, attempt: settled.attempt, fence: settled.fence }
    }
    case 'failed':
      return { kind: 'failed', error: settled.error, replayed: false }
    case 'local':
      return { kind: 'executed', value: settled.value as T, attempt: 1, fence: settled.fence }
    default:
      return settled
  }
}

/** Returns the value of an outcome, or throws its error. */
export function settledValue<T>(key: string, outcome: Outcome<T>, onDuplicate: 'replay' | 'reject'): T {
  switch (outcome.kind) {
    case 'replayed':
      if (onDuplicate === 'replay') return outcome.value
      throw new OnlyonceError('DUPLICATE', `${quote(key)} was already submitted and is done; it is not run again`)
    case 'executed':
      return outcome.value
    case 'failed':
      throw outcome.error
    case 'in-flight':
      throw new OnlyonceError(
        'IN_FLIGHT',
        `${quote(key)} is already running; ask again in ${Math.ceil(outcome.retryAfterMs)} ms`,
        {
          retryAfterMs: outcome.retryAfterMs,
        },
      )
    case 'mismatch':
      throw new OnlyonceError(
        'KEY_REUSED',
        `${quote(key)} is bound to another payload; use a new key for a new operation, or send the first payload again`,
      )
    case 'unknown':
      throw new OnlyonceError(
        'OUTCOME_UNKNOWN',
        `${quote(key)} was abandoned, and its effect may or may not have happened; resolve it (onlyonce keys resolve)`,
      )
  }
}
