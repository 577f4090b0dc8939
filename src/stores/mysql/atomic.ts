import { backoff } from '../../core/backoff.ts'
import type { OperationId } from '../../core/record.ts'
import { sleep } from '../../core/runtime.ts'
import type { AtomicClaims, ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { createGuarding } from '../sql/guarding.ts'
import { toRecord } from '../sql/rows.ts'
import { takeOver } from './claiming.ts'
import { claimAllInside, doneFields, judgeInside } from './claiming-inside.ts'
import type { MysqlTx } from './client.ts'
import { faultOf, undoneByServer } from './faults.ts'
import { claimSize, completionFields, roomIn } from './fitting.ts'
import type { Floors } from './floors.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import { batched, readable } from './packing.ts'
import { batches, sorted } from './portions.ts'
import { explained, type Session } from './session.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

const MAX_RACES = 20
/**
 * When several rivals wait to insert the same row and the transaction they wait for is rolled back, InnoDB reports a
 * deadlock to all but one. This repeats each time the one that got the row is rolled back in turn.
 */
const MAX_DEADLOCKS = 30
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
/** The outcome when a rival's transaction did not end within `lockWaitMs`; it is unknown when it will. */
const LOCKED: ClaimOutcome = Object.freeze({ kind: 'running', retryAfterMs: 1_000 })

/** Claims inside the open transaction of `tx`: one of ours, or one that the caller began on its own connection. */
export function createWithin(
  transactions: Transactions,
  statements: Statements,
  floors: Floors,
  { database, runtime }: ResolvedMysqlOptions,
): (tx: MysqlTx) => AtomicClaims {
  async function claimOnce(session: Session, request: ClaimRequest): Promise<ClaimOutcome> {
    for (let races = 0; races < MAX_RACES; races++) {
      const header = await session.write(
        ...batched({ ...statements.claimDone, many: '' }, [doneFields(request, floors.floor)]),
      )
      const fence = Number(header.insertId)
      const { id, owner } = request
      if (fence > 0)
        return granted(session, { kind: 'granted', lease: { id, owner, fence }, attempt: 1, starts: 1, steps: [] })
      const [row] = (await session.rows(statements.locked, [id])).map(readable)
      if (row === undefined) continue
      const { outcome, write } = judgeInside(row, request, floors.floor)
      if (write === undefined) return outcome
      if ((await takeOver(session, statements, [{ row, write, outcome }])) === 1) return granted(session, outcome)
    }
    throw new Error('the operation changed each time it was claimed')
  }

  function granted(session: Session, outcome: ClaimOutcome): ClaimOutcome {
    if (outcome.kind === 'granted') {
      floors.handedOut(outcome.lease.fence)
      session.granted(outcome.lease)
    }
    return outcome
  }

  async function claimAllOnce(
    session: Session,
    requests: readonly ClaimRequest[],
    room: number,
  ): Promise<readonly ClaimOutcome[]> {
    const outcomes = new Map<OperationId, ClaimOutcome>()
    for (const batch of batches(
      sorted(requests, (one) => one),
      claimSize,
      room,
    )) {
      for (const [id, outcome] of await claimAllInside(session, statements, floors, batch)) outcomes.set(id, outcome)
    }
    // Only now: after a deadlock in its second half the batch restarts, which a transaction with a lease may not.
    return requests.map(({ id }) => granted(session, outcomes.get(id) as ClaimOutcome))
  }

  /** Returns `undefined` when a rival's transaction held one of the rows for too long. */
  async function patiently<T>(session: Session, savepoint: string, claim: () => Promise<T>): Promise<T | undefined> {
    const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await claim()
      } catch (error) {
        if (faultOf(error) === 'locked') {
          await session.rollbackTo(savepoint, error)
          return undefined
        }
        if (!undoneByServer(error) || deadlocks === MAX_DEADLOCKS || !(await session.restart(savepoint)))
          throw explained(error, database)
        await sleep(runtime, pauseMs())
      }
    }
  }

  return (tx) => {
    const session = transactions.join(tx)
    const { claimed, guarded } = createGuarding(session, async (savepoint, error) => {
      await session.rollbackTo(savepoint, error)
      if (!undoneByServer(error)) await session.release(savepoint)
    })
    const claiming = <T>(claim: () => Promise<T>) => claimed((savepoint) => patiently(session, savepoint, claim))
    return {
      claim: async (request) => (await claiming(() => claimOnce(session, request))) ?? LOCKED,
      async claimAll(requests) {
        if (requests.length === 0) return []
        const room = roomIn(await transactions.maxPacketBytes(tx))
        return (await claiming(() => claimAllOnce(session, requests, room))) ?? requests.map(() => LOCKED)
      },
      async complete(completion) {
        const { lease } = completion
        try {
          const row = completionFields(completion, await transactions.maxPacketBytes(tx))
          const { affectedRows } = await session.write(...batched(statements.putResult, [row]))
          if (affectedRows === 1) return 'ok'
          // A row that already has these values may not be counted as changed.
          const [known] = (await session.rows(statements.locked, [lease.id])).map(readable)
          const record = known && !isForgotten(known) ? toRecord(known) : undefined
          return record?.owner === lease.owner && record.fence === lease.fence && record.state === 'done'
            ? 'ok'
            : 'lost'
        } catch (error) {
          throw explained(error, database)
        }
      },
      guarded,
    }
  }
}
