import { type ErrorCode, OnlyonceError, reasonOf } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { Outcome } from '../core/once.ts'
import type { Delivery, Verdict } from './delivery.ts'

type PauseMs = (starts: number) => number

export const NOT_OURS: Verdict = Object.freeze({
  kind: 'none',
  reason: 'the broker gave the message to somebody else meanwhile',
})

export const NOT_TOLD: Verdict = Object.freeze({
  kind: 'none',
  reason: 'the broker did not say in time whether the message is still ours',
})

export const STOPPING: Verdict = Object.freeze({ kind: 'retry', delayMs: 0, reason: 'the consumer is stopping' })

const ACK: Verdict = Object.freeze({ kind: 'ack' })

const MAX_REASON_LENGTH = 1_000
/** After an error that is not the message's fault, wait as after this many starts: a system has to recover first. */
const STARTS_OF_AN_OUTAGE = 4

export function deadLetter(reason: string): Verdict {
  return { kind: 'dead-letter', reason: short(reason) }
}

export function retry(delayMs: number, reason: string): Verdict {
  return { kind: 'retry', delayMs: Math.ceil(delayMs), reason: short(reason) }
}

function short(reason: string): string {
  return reason.length <= MAX_REASON_LENGTH ? reason : `${reason.slice(0, MAX_REASON_LENGTH - 1)}…`
}

/** Returns what to tell the broker about a delivery whose operation ended in `outcome`. */
export function verdictOf(
  { id }: Delivery,
  outcome: Outcome<unknown>,
  { starts, parked }: { readonly starts: number; readonly parked: boolean },
  pauseMs: PauseMs,
): Verdict {
  switch (outcome.kind) {
    case 'executed':
    case 'replayed':
      return ACK
    case 'failed': {
      const reason = reasonOf(outcome.error) || 'the handler threw an error without a message'
      return outcome.replayed || parked ? deadLetter(reason) : retry(pauseMs(starts), reason)
    }
    case 'in-flight':
      return retry(pauseMs(STARTS_OF_AN_OUTAGE), 'somebody else has been handling it for longer than holdMs')
    case 'mismatch':
      return deadLetter(`the key of message ${quote(id)} was used before with another body`)
    case 'unknown':
      return deadLetter(`message ${quote(id)} was abandoned, and whether it took effect is unknown: decide by hand`)
  }
}

type Fate = 'retry' | 'dead-letter'

/** A code that says the message itself is wrong dead-letters it; everything else passes, or is settled by a retry. */
const FATE: Record<ErrorCode, Fate> = {
  KEY_MISSING: 'dead-letter',
  KEY_INVALID: 'dead-letter',
  KEY_REUSED: 'dead-letter',
  IN_FLIGHT: 'retry',
  DUPLICATE: 'retry',
  LEASE_LOST: 'retry',
  OUTCOME_UNKNOWN: 'retry',
  STORE_UNAVAILABLE: 'retry',
  RESULT_UNSERIALIZABLE: 'retry',
  OPTION_INVALID: 'retry',
  TOKEN_INVALID: 'retry',
  ILLEGAL_TRANSITION: 'retry',
  CLOSED: 'retry',
}

/** Returns what to tell the broker when the engine reached no outcome. */
export function verdictOfError(error: unknown, pauseMs: PauseMs): Verdict {
  const fate = OnlyonceError.is(error) ? FATE[error.code] : 'retry'
  return fate === 'dead-letter'
    ? deadLetter(reasonOf(error))
    : retry(pauseMs(STARTS_OF_AN_OUTAGE), `it could not be handled now: ${reasonOf(error)}`)
}
