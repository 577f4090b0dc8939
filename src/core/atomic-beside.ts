import { announced, undone } from './atomic.ts'
import { type Call, claimRequest, type EngineContext } from './context.ts'
import { type ErrorCode, OnlyonceError } from './errors.ts'
import type { Settled } from './flights.ts'
import { storedValue } from './result.ts'
import type { EffectBesideClaim } from './store.ts'

/**
 * Runs claim and effect in one statement. Unless that clearly succeeded, `transaction` decides: it waits for a
 * statement that may still be running, and sees its outcome.
 * @throws OnlyonceError OUTCOME_UNKNOWN when the answer was lost and the transaction cannot tell; as `transaction` does
 */
export async function leadBeside(
  context: EngineContext,
  call: Call,
  beside: EffectBesideClaim,
  transaction: () => Promise<Settled>,
): Promise<Settled> {
  const startedAt = context.runtime.elapsed()
  let unclear: unknown
  try {
    const fence = await beside(claimRequest(context, call, context.runtime.token()), call.options.maxRunMs)
    if (fence !== undefined) {
      const done: Settled = { kind: 'result', result: storedValue(undefined), ran: true, attempt: 1, fence }
      return announced(context, call, done, startedAt)
    }
  } catch (error) {
    if (!hasCode(error, 'OUTCOME_UNKNOWN')) return undone(context, call, error, startedAt)
    unclear = error
  }
  try {
    return await transaction()
  } catch (error) {
    // The transaction changed nothing; the statement before it may have.
    throw unclear !== undefined && hasCode(error, 'STORE_UNAVAILABLE') ? unclear : error
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return OnlyonceError.is(error) && error.code === code
}
