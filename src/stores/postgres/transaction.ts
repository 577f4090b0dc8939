import { backoff } from '../../core/backoff.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { checkFunction } from '../../core/option-rules.ts'
import type { Lease, OperationId } from '../../core/record.ts'
import { refusedAtCommit } from '../../core/refused-commit.ts'
import { sleep } from '../../core/runtime.ts'
import { upToInnerCalls } from '../../core/turns.ts'
import { endedInside, spoilt, unsettled } from '../sql/endings.ts'
import { checkJoined, OR_EXECUTOR } from '../sql/joined-tx.ts'
import { toId, toRecord } from '../sql/rows.ts'
import type { Asking, Holding } from './asking.ts'
import type { PgClient, PgTx } from './client.ts'
import { faultOf, isAboutWrites, isRefusing, wasAnswered, wasNeverSent } from './faults.ts'
import { plainArray } from './literals.ts'
import { COMMIT, type OpenTransaction, openTransaction, UNDO } from './open-transaction.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import type { Schema } from './schema.ts'
import { joinedSession, type Session } from './session.ts'
import { statement } from './statement.ts'
import type { Statements } from './statements.ts'

export interface Transactions {
  run<T>(work: (tx: PgTx) => Promise<T>): Promise<T>
  /** Returns the transaction behind one of our handles, or the caller's own. */
  join(tx: PgTx): Session
}

const STATUS = statement('status', 'SELECT pg_xact_status($1::text::xid8) AS status')

/** The answer to COMMIT was lost: the outcome is unknown. */
interface LostCommit {
  readonly error: Error
  readonly xid: string | undefined
  readonly leases: ReadonlyMap<OperationId, Lease>
}

export function createTransactions(
  asking: Asking,
  { requireHome }: Pick<Schema, 'requireHome'>,
  statements: Statements,
  options: ResolvedPostgresOptions,
  wake: (ids: Iterable<OperationId>) => void,
): Transactions {
  const { runtime, timeoutMs, schema } = options
  const handles = new WeakMap<PgTx, OpenTransaction>()

  async function inTransaction<T>(
    client: PgClient,
    holding: Holding,
    work: (tx: PgTx) => Promise<T>,
  ): Promise<{ readonly value: T; readonly lost?: LostCommit }> {
    const current = openTransaction(client, asking, options)
    handles.set(current.tx, current)
    let value: T
    try {
      value = await asking.enter(current, () => upToInnerCalls(current.tx, async () => work(current.tx)))
    } catch (error) {
      current.revoke()
      // It would refuse the next transaction too; another one may lead to the primary, or know the statement.
      if (isRefusing(error)) holding.breakOff(error as Error)
      const whole = await undo(current, holding)
      if (whole || OnlyonceError.is(error)) throw error
      throw endedInside(error)
    }
    current.revoke()
    const lost = await commit(current, holding)
    wake(current.leases.keys())
    return lost === undefined ? { value } : { value, lost }
  }

  /** Returns whether a record exists that only this transaction can have written. */
  async function left(leases: ReadonlyMap<OperationId, Lease>): Promise<boolean> {
    const rows = await asking.ask('read what a transaction has committed', statements.find, [
      plainArray([...leases.keys()]),
    ])
    return rows.some((row) => {
      const lease = leases.get(toId(row.id))
      const { owner, fence } = toRecord(row)
      return owner === lease?.owner && fence === lease.fence
    })
  }

  /** Runs after the connection is closed: only then does a pool of one have another. @throws unless committed */
  async function findOut({ error, xid, leases }: LostCommit): Promise<void> {
    if (xid === undefined) throw unsettled(error)
    const deadline = runtime.elapsed() + timeoutMs
    const pauseMs = backoff(runtime, 20, 500)
    while (runtime.elapsed() < deadline) {
      const rows = await asking
        .ask('find out whether a transaction was committed', STATUS, [xid])
        .catch((unanswered) => {
          // An error of the store itself, such as a broken client: asking again changes nothing.
          if (OnlyonceError.is(unanswered)) throw unsettled(error)
        })
      const status = rows?.[0]?.status
      if (status === 'committed') {
        const found = await left(leases).catch(() => undefined)
        if (found === true) return
        // A standby promoted without this transaction has since reused its id for another one.
        if (found === false) throw unsettled(error)
      }
      // Null: a server restored from a backup does not know the transaction. Its record, if any, will tell.
      if (status === 'aborted' || status === null) throw error
      await sleep(runtime, pauseMs())
    }
    throw unsettled(error)
  }

  return {
    async run(work) {
      checkFunction('work', work)
      const { value, lost } = await asking.hold('begin a transaction', (client, holding) =>
        inTransaction(client, holding, work),
      )
      if (lost !== undefined) await findOut(lost)
      return value
    },
    join(tx) {
      const own = handles.get(tx)
      if (own !== undefined) return own
      checkJoined(tx, ['query'], `a client of pg ${OR_EXECUTOR}`)
      return joinedSession(tx, schema, requireHome)
    },
  }
}

/** Undoes everything; returns false if the transaction had already been ended by other code. */
async function undo(current: OpenTransaction, { breakOff }: Holding): Promise<boolean> {
  try {
    await current.end(UNDO)
    return true
  } catch (error) {
    const fault = faultOf(error)
    if (fault === 'no-savepoint' || fault === 'no-transaction') {
      await current.rollback().catch(breakOff)
      return false
    }
    // The server rolls back what a closed connection leaves open.
    breakOff(error as Error)
    return true
  }
}

/** @throws the driver's error where nothing was committed */
async function commit(current: OpenTransaction, { breakOff }: Holding): Promise<LostCommit | undefined> {
  try {
    await current.end(COMMIT)
    return undefined
  } catch (thrown) {
    const error = thrown as Error
    const fault = wasAnswered(error) ? faultOf(error) : 'lost'
    if (fault === 'lost') {
      breakOff(error)
      if (wasNeverSent(error)) throw error
      return { error, xid: current.xid(), leases: current.leases }
    }
    await current.rollback().catch(breakOff)
    if (fault === 'no-savepoint' || fault === 'no-transaction') throw endedInside(error)
    if (fault === 'spoilt') throw spoilt(error)
    throw isAboutWrites(error) ? refusedAtCommit(error) : error
  }
}
