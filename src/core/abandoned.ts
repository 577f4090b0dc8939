import { type Call, type EngineContext, tell } from './context.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import { quote } from './key.ts'
import { childKey } from './operation.ts'
import type { Reconciled } from './options.ts'
import type { StoredResult } from './record.ts'
import { storedValue } from './result.ts'

/**
 * Applies `onAbandoned` to an operation that an earlier owner abandoned, while we hold its lease.
 * Returns the result to settle it with, or `undefined` to run the effect.
 * @throws OnlyonceError OUTCOME_UNKNOWN when `onAbandoned` throws, or returns no valid answer: nothing may run then
 */
export async function decideAbandoned(
  context: EngineContext,
  call: Call,
  granted: { readonly attempt: number; readonly fence: number },
): Promise<StoredResult | undefined> {
  const { attempt, fence } = granted
  if (attempt === 1) return undefined
  const { named } = call
  const { scope, key } = named
  const policy = call.options.onAbandoned
  tell(context, call, { type: 'abandoned', attempt, policy: typeof policy === 'function' ? 'reconcile' : policy })
  if (policy === 'retry') return undefined
  if (policy === 'hold') return { kind: 'unknown', body: new Uint8Array(0) }
  let answer: Reconciled
  try {
    answer = judged(await policy({ scope, key, attempt, fence, child: (name) => childKey(named, name) }))
  } catch (error) {
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `onAbandoned could not tell whether ${quote(key)} happened (${reasonOf(error)}); it is asked again at the next call`,
      { cause: error },
    )
  }
  return answer.happened ? storedValue(answer.value) : undefined
}

/**
 * Checks the answer to whether an operation happened. One that has another member in the place of `value` would make
 * `undefined` the result, for good.
 * @throws OnlyonceError OUTCOME_UNKNOWN for neither yes nor no, and for a misspelt `value`
 */
export function judged(answer: Reconciled): Reconciled {
  const given = Object(answer) as Partial<Reconciled>
  if (typeof given.happened !== 'boolean')
    throw notJudged(
      'the answer was neither { happened: true } nor { happened: false }: nobody knows whether it happened, so nothing is run',
    )
  const other =
    given.happened && !('value' in given) ? Object.keys(given).find((name) => name !== 'happened') : undefined
  if (other === undefined) return answer
  throw notJudged(`the answer has ${quote(other)} in the place of \`value\`, which is what duplicates get`)
}

const notJudged = (message: string): OnlyonceError => new OnlyonceError('OUTCOME_UNKNOWN', message)
