import { OnlyonceError } from '../core/errors.ts'
import { checkEach, oneOf } from '../core/option-rules.ts'
import { tried } from '../core/reporting.ts'
import type { HttpCall, HttpReply, Omitted } from './call.ts'
import type { HttpRules } from './options.ts'
import { defaultOutcome } from './outcome.ts'
import { fromStored, type StoredReply, toStored } from './stored-reply.ts'
import { warnUnrecordable } from './unrecordable.ts'

/** The answer is not stored as the result. An error, because only an effect that throws ends without a result. */
export class NotKept extends Error {
  readonly reply: HttpReply
  readonly decision: 'release' | 'abandon'

  constructor(reply: HttpReply, decision: 'release' | 'abandon') {
    super(`answered ${reply.status}, which is not kept`)
    this.reply = reply
    this.decision = decision
  }
}

/** The engine's policy for what the effect throws. */
export function onThrow(error: unknown): 'release' | 'abandon' {
  if (error instanceof NotKept) return error.decision
  return OnlyonceError.is(error) && error.code === 'OUTCOME_UNKNOWN' ? 'abandon' : 'release'
}

/** Returns the function that decides on a handler's answer: it returns what to store, or throws `NotKept`. */
export function createDecide<R>(rules: HttpRules<R>, onListenerError: (error: unknown) => void) {
  const unrecordable = rules.onUnrecordable ?? warnUnrecordable()
  /** For functions of the user after the handler has run: if one throws, the handler must not run again. */
  const safely = <T>(ask: () => T) => tried(onListenerError, ask)

  /** @throws what `redact` throws; an error when it returned no valid reply */
  function kept(reply: HttpReply): StoredReply {
    if (rules.redact === undefined) return toStored(reply, rules.kept)
    const stored = toStored(rules.redact(reply), rules.kept)
    fromStored(stored)
    return stored
  }

  return (reply: HttpReply, call: HttpCall<R>): StoredReply => {
    const decision = safely(() => rules.outcome && checked(rules.outcome(reply, call))) ?? defaultOutcome(reply)
    if (decision === 'release' || decision === 'abandon') throw new NotKept(reply, decision)
    const stored = safely(() => kept(reply)) ?? toStored({ ...reply, ...NOT_REDACTED }, rules.kept)
    if (stored.omitted !== undefined) safely(() => unrecordable(stored.omitted as Omitted, call))
    return stored
  }
}

const isDecision = oneOf('final', 'release', 'abandon')

/** Anything else, such as a promise, would keep an answer for good that was to pass. @throws OnlyonceError OPTION_INVALID */
function checked<Decision extends string | undefined>(decided: Decision): Decision {
  checkEach(isDecision, { outcome: decided })
  return decided
}

const NOT_REDACTED = { headers: [], body: undefined, omitted: 'not-redacted' } as const
