import { EffectThrew } from '../../core/atomic-limits.ts'
import type { AtomicClaims, ClaimOutcome } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import type { HandedFences } from '../sql/fences.ts'
import { createGuarding } from '../sql/guarding.ts'
import { KINDS } from '../sql/rows.ts'
import { createClaimsInside } from './claiming-inside.ts'
import type { PgTx } from './client.ts'
import { faultOf, isLost } from './faults.ts'
import { type ResolvedPostgresOptions, refuseLonger } from './options.ts'
import { micros } from './records.ts'
import { explained, type Session } from './session.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

const MAX_DEADLOCKS = 3
/** A rival's transaction did not end within `lockWaitMs`. Its end is unknown, so this is a fixed pause. */
const LOCKED: ClaimOutcome = Object.freeze({ kind: 'running', retryAfterMs: 1_000 })

/** Claims inside the open transaction behind `tx`: one of ours, or one that the caller began on its own connection. */
export function createWithin(
  transactions: Transactions,
  statements: Statements,
  fences: HandedFences,
  { lockWaitMs, schema, partitions }: ResolvedPostgresOptions,
): (tx: PgTx) => AtomicClaims {
  const claims = createClaimsInside(statements, fences, lockWaitMs)

  /** Returns `undefined` when a rival's transaction held one of the rows for too long. */
  async function patiently<T>(session: Session, savepoint: string, claim: () => Promise<T>): Promise<T | undefined> {
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await claim()
      } catch (error) {
        const fault = faultOf(error)
        // A `statement_timeout` shorter than `lockWaitMs` ends the same wait.
        const isLocked = fault === 'locked' || fault === 'canceled'
        if (!isLocked && (fault !== 'again' || deadlocks === MAX_DEADLOCKS)) throw explained(error, schema)
        await session.rollbackTo(savepoint)
        if (isLocked) return undefined
      }
    }
  }

  return (tx) => {
    const session = transactions.join(tx)
    const { claimed, guarded } = createGuarding(session, (savepoint, error) => undone(session, savepoint, error))
    const claiming = <T>(claim: () => Promise<T>) => claimed((savepoint) => patiently(session, savepoint, claim))
    return {
      async claim(request) {
        refuseLonger(partitions, [request])
        return (await claiming(() => claims.one(session, request))) ?? LOCKED
      },
      async claimAll(requests) {
        refuseLonger(partitions, requests)
        if (requests.length === 0) return []
        return (await claiming(() => claims.all(session, requests))) ?? requests.map(() => LOCKED)
      },
      async complete({ lease, result, retentionMs }) {
        try {
          const rows = await session.run(statements.putResult, [
            lease.id,
            packText(lease.owner),
            String(lease.fence),
            String(KINDS.indexOf(result.kind)),
            String(micros(retentionMs)),
            result.body,
          ])
          return rows.length === 1 ? 'ok' : 'lost'
        } catch (error) {
          throw explained(error, schema)
        }
      },
      guarded,
    }
  }
}

/** @throws the rollback's error. If our connection was lost, which undoes everything, the effect's goes first. */
async function undone(session: Session, savepoint: string, error: unknown): Promise<void> {
  try {
    await session.rollbackTo(savepoint)
    await session.release(savepoint)
  } catch (prevented) {
    const isGone = !session.joined && isLost(prevented)
    if (!isGone || isLost(error instanceof EffectThrew ? error.thrown : error)) throw prevented
  }
}
