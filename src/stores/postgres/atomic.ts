import type { AtomicClaims, ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { packText } from '../../embedded/text.ts'
import { grantedOutcome, refusedOutcome } from '../sql/claims.ts'
import type { HandedFences } from '../sql/fences.ts'
import { KINDS } from '../sql/rows.ts'
import type { PgTx } from './client.ts'
import { faultOf } from './faults.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { micros } from './records.ts'
import { explained, type Session } from './session.ts'
import type { Values } from './statement.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

const MAX_RACES = 20
const MAX_DEADLOCKS = 3
/** A rival's transaction has not ended in the time that was given to it; when it will, nobody knows. */
const ASK_AGAIN_MS = 1_000

/** Claims inside the open transaction behind `tx`: one of ours, or one that the caller began on its own connection. */
export function createWithin(
  transactions: Transactions,
  statements: Statements,
  fences: HandedFences,
  { lockWaitMs, schema }: ResolvedPostgresOptions,
): (tx: PgTx) => AtomicClaims {
  async function claimOnce(session: Session, request: ClaimRequest): Promise<ClaimOutcome> {
    for (let races = 0; races < MAX_RACES; races++) {
      const claiming = races === 0 ? statements.claimNewDone : statements.claimDone
      const [row] = await session.run(claiming, claimParams(request, fences.floor, lockWaitMs))
      if (row?.granted === true) {
        const outcome = grantedOutcome(row, request)
        if (outcome.kind === 'granted') fences.handedOut(outcome.lease.fence)
        session.touch(request.id, row.xid)
        return outcome
      }
      const outcome = row?.granted === false ? refusedOutcome(row, request) : undefined
      if (outcome !== undefined) return outcome
    }
    throw new Error(
      'the operation changed each time it was claimed; a transaction that sees one snapshot throughout (REPEATABLE READ) cannot claim what changed since',
    )
  }

  async function claim(session: Session, request: ClaimRequest, savepoint: string): Promise<ClaimOutcome> {
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await claimOnce(session, request)
      } catch (error) {
        const fault = faultOf(error)
        if (fault !== 'locked' && (fault !== 'again' || deadlocks === MAX_DEADLOCKS)) throw explained(error, schema)
        await session.rollbackTo(savepoint)
        if (fault === 'locked') return { kind: 'running', retryAfterMs: ASK_AGAIN_MS }
      }
    }
  }

  return (tx) => {
    const session = transactions.join(tx)
    /** The savepoint of a `guarded` that has just begun: a claim at its start needs none of its own. */
    let justBegun: string | undefined

    return {
      async claim(request) {
        if (justBegun !== undefined) {
          const savepoint = justBegun
          justBegun = undefined
          return claim(session, request, savepoint)
        }
        const savepoint = await session.guard()
        const outcome = await claim(session, request, savepoint)
        await session.release(savepoint)
        return outcome
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
      async guarded<T>(work: () => Promise<T>): Promise<T> {
        const name = await session.guard()
        let value: T
        try {
          justBegun = name
          const working = work()
          justBegun = undefined
          value = await working
        } catch (error) {
          await session.rollbackTo(name)
          await session.release(name)
          throw error
        }
        await session.release(name)
        return value
      },
    }
  }
}

function claimParams(request: ClaimRequest, floor: number, lockWaitMs: number): Values {
  const { id, fingerprint, owner, retentionMs, scope, key } = request
  return [
    id,
    packText(fingerprint),
    packText(owner),
    String(micros(retentionMs)),
    scope === undefined ? null : packText(scope),
    key === undefined ? null : packText(key),
    String(floor),
    String(lockWaitMs),
  ]
}
