import { encodeResult } from '../../core/codec.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { type Decision, decideClaim, decideComplete, FOREVER } from '../../core/lifecycle.ts'
import type { Lease, OperationRecord, StoredResult } from '../../core/record.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { AtomicClaims, ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { change } from '../../embedded/statements.ts'
import type { Fences } from './fences.ts'
import { type Joined, type JoinOptions, join } from './joined.ts'
import type { SqliteTx } from './open-transaction.ts'
import { endedInside, undone } from './open-transaction.ts'
import { leaseParams, load, put, putFresh } from './records.ts'
import { COMPLETE, PUT_RESULT } from './sql.ts'

/** The result that every claim inside a transaction is written with. */
const NO_VALUE: StoredResult = Object.freeze({ kind: 'value', body: encodeResult(undefined) })

let savepoints = 0

/** Claims inside the open transaction of `tx`: one of ours, or one that the caller began on its own connection. */
export function createWithin(
  options: JoinOptions & { readonly runtime: Runtime; readonly fences: Fences },
): (tx: SqliteTx) => AtomicClaims {
  const { runtime, fences } = options

  function claimDone({ db }: Joined, request: ClaimRequest): ClaimOutcome {
    const now = runtime.now()
    const first = decideClaim(undefined, request, now, fences.handed)
    if (putFresh(db, asDone(first, request, undefined, now).write)) return handedOut(first.outcome)
    const current = load(db, request)
    const decided = decideClaim(current, request, now, fences.floor(db))
    if (decided.outcome.kind !== 'granted') return decided.outcome
    const { write, lease } = asDone(decided, request, current, now)
    if (decided.write !== undefined) put(db, write)
    // The same owner already holds it with a lease, so its fence stays.
    else change(db, COMPLETE, write.leaseUntil, write.retainUntil, NO_VALUE.kind, NO_VALUE.body, ...leaseParams(lease))
    return handedOut(decided.outcome)
  }

  function handedOut(outcome: ClaimOutcome): ClaimOutcome {
    if (outcome.kind === 'granted') fences.handedOut(outcome.lease.fence)
    return outcome
  }

  return (tx) => {
    const joined = join(options, tx)
    const { db } = joined

    function claimOne(request: ClaimRequest): ClaimOutcome {
      const outcome = joined.ask(() => claimDone(joined, request))
      if (outcome.kind === 'granted') joined.touch(request.id)
      return outcome
    }

    return {
      async claim(request) {
        await joined.takeWriteLock()
        return claimOne(request)
      },
      // SQLite has a single writer, so no order of ids is needed, and there are no round trips to save.
      async claimAll(requests) {
        if (requests.length > 0) await joined.takeWriteLock()
        return requests.map(claimOne)
      },
      async complete({ lease, result, retentionMs }) {
        const retainUntil = result.kind === 'unknown' ? FOREVER : runtime.now() + retentionMs
        const params = [retainUntil, result.kind, result.body, ...leaseParams(lease)] as const
        return joined.ask(() => change(db, PUT_RESULT, ...params)) === 1 ? 'ok' : 'lost'
      },
      async guarded<T>(work: () => Promise<T>): Promise<T> {
        // Unique in the process, so that it cannot be the savepoint of another call.
        const name = `onlyonce_guard_${++savepoints}`
        let value: T
        joined.requireOpen()
        joined.ask(() => db.exec(`SAVEPOINT ${name}`))
        try {
          value = await work()
        } catch (error) {
          leave(joined, `ROLLBACK TO ${name}; RELEASE ${name}`, error)
          throw error
        }
        leave(joined, `RELEASE ${name}`, undefined)
        return value
      },
    }
  }
}

/** The record that a granted claim is written as: done, without a value. */
function asDone(
  { outcome, write }: Decision<ClaimOutcome>,
  request: ClaimRequest,
  current: OperationRecord | undefined,
  now: number,
): { readonly write: OperationRecord; readonly lease: Lease } {
  if (outcome.kind !== 'granted') throw new TypeError(`a claim that is ${outcome.kind} is not written`)
  const { lease } = outcome
  const completion = { lease, result: NO_VALUE, retentionMs: request.retentionMs }
  const done = decideComplete(write ?? current, completion, now).write
  if (done === undefined)
    throw new OnlyonceError('STORE_UNAVAILABLE', `operation ${lease.id} cannot be settled; ask again`)
  return { write: done, lease }
}

/** Ends the savepoint. That it is gone shows that the effect ended the transaction, even if it began another one. */
function leave(joined: Joined, sql: string, thrown: unknown): void {
  if (joined.undoneBy() !== undefined) throw undone(joined.undoneBy())
  try {
    joined.use(() => joined.db.exec(sql))
  } catch (error) {
    if (OnlyonceError.is(error)) throw error
    throw endedInside(thrown ?? error)
  }
}
