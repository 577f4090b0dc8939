import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { OperationId } from '../../core/record.ts'
import type { ClaimRequest, EffectBesideClaim } from '../../core/store.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { HandedFences } from '../sql/fences.ts'
import { count } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import { claimParams } from './claiming-inside.ts'
import { faultOf, isRefusing, wasAnswered, wasNeverSent } from './faults.ts'
import { asOneStatement, type OneStatement } from './one-statement.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { claimBesideSql } from './sql/claim-done.ts'
import type { Names } from './sql/names.ts'
import { type Statement, statement } from './statement.ts'

/** A connection keeps each prepared statement for ever, so dynamically built SQL must not accumulate. */
const MOST_PREPARED = 100

/** Runs a one-statement effect together with its claim, as one statement that commits by itself. */
export function createBeside(
  asking: Asking,
  fences: HandedFences,
  names: Names,
  { runtime, timeoutMs, lockWaitMs, prepare }: ResolvedPostgresOptions,
  wake: (ids: Iterable<OperationId>) => void,
): (effect: unknown) => EffectBesideClaim | undefined {
  const made = new Map<string, Statement>()

  function statementFor({ text, values }: OneStatement): Statement {
    const name = `${values.length} ${text}`
    const before = made.get(name)
    if (before !== undefined) return before
    const fresh = statement('beside', claimBesideSql(names, text, values.length))
    if (!prepare || made.size === MOST_PREPARED) return { ...fresh, name: '' }
    made.set(name, fresh)
    return fresh
  }

  async function run(effect: OneStatement, request: ClaimRequest, maxRunMs: number): Promise<number | undefined> {
    const values = [...effect.values, ...claimParams(request, fences.floor, lockWaitMs)]
    const ms = Math.min(maxRunMs, timeoutMs + lockWaitMs)
    const fence = await asking.hold('run a statement with its claim', async (client, { breakOff }) => {
      const silent = () => new Error(`connection terminated: no answer within ${ms} ms`)
      try {
        // Sent through pg's `query`, which serializes the user's values.
        const answer = client.query({ ...statementFor(effect), values })
        const { rows } = await timeLimit(runtime, answer, ms, silent)
        return count(rows[0] ?? {}, 'fence')
      } catch (error) {
        // An error reply of the server means that the statement changed nothing, unless the server was shutting down.
        const isLost = !wasAnswered(error) || faultOf(error) === 'lost'
        if (isLost) breakOff(error as Error)
        if (isLost && !isRefusing(error) && !wasNeverSent(error)) throw unclear(request, error)
        return undefined
      }
    })
    if (fence === undefined) return undefined
    fences.handedOut(fence)
    wake([request.id])
    return fence
  }

  return (effect) => {
    const one = names.partitions === undefined ? asOneStatement(effect) : undefined
    return one && ((request, maxRunMs) => run(one, request, maxRunMs))
  }
}

function unclear({ id, key }: ClaimRequest, error: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the answer to the statement of ${quote(key ?? id)} was lost (${reasonOf(error)}), and the server cannot be asked whether it was done; ask again with the same key`,
    { cause: error },
  )
}
