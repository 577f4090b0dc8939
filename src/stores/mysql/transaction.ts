import { OnlyonceError } from '../../core/errors.ts'
import { checkFunction } from '../../core/option-rules.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { upToInnerCalls } from '../../core/turns.ts'
import { endedInside } from '../sql/endings.ts'
import { checkJoined, OR_EXECUTOR } from '../sql/joined-tx.ts'
import { type Asking, type Holding, senderOf } from './asking.ts'
import type { MysqlConnection, MysqlTx } from './client.ts'
import { faultOf, markUndoing, serverReason, wasInterrupted } from './faults.ts'
import type { Floors } from './floors.ts'
import { findOut, type LostCommit } from './lost-commit.ts'
import { beginTransaction, type OpenTransaction } from './open-transaction.ts'
import { type ResolvedMysqlOptions, refuseCallbacks } from './options.ts'
import type { Schema } from './schema.ts'
import { joinedSession, type Session } from './session.ts'
import type { Statements } from './statements.ts'

export interface Transactions {
  run<T>(work: (tx: MysqlTx) => Promise<T>): Promise<T>
  /** Returns the transaction of one of our handles, or that of the caller's own connection. */
  join(tx: MysqlTx): Session
  /** The server's packet limit. Queried if it is not known, as in a store that has only joined transactions so far. */
  maxPacketBytes(tx: MysqlTx): Promise<number>
}

export function createTransactions(
  asking: Asking,
  schema: Schema,
  statements: Statements,
  floors: Floors,
  options: ResolvedMysqlOptions,
): Transactions {
  const { runtime, timeoutMs, database } = options
  const handles = new WeakMap<MysqlTx, OpenTransaction>()

  /** Reads the fence floor. With a time limit: it is the first query, and a half-open connection never answers. */
  async function readFloor(client: MysqlConnection): Promise<void> {
    const silent = () => new Error(`connection lost: no answer within ${timeoutMs} ms`)
    const [row] = await timeLimit(runtime, senderOf(client).rows(statements.readFloor, []), timeoutMs, silent)
    floors.read(Number(row?.fence ?? 0))
  }

  async function inTransaction<T>(
    client: MysqlConnection,
    { breakOff, tidy }: Holding,
    work: (tx: MysqlTx) => Promise<T>,
  ): Promise<{ readonly value: T; readonly lost?: LostCommit }> {
    let current: OpenTransaction
    try {
      if (!floors.fresh) await readFloor(client)
      current = await beginTransaction(client, schema.server, options)
    } catch (error) {
      breakOff(error as Error)
      throw error
    }
    handles.set(current.tx, current)
    tidy(current.restore)
    let value: T
    try {
      value = await asking.enter(current, () => upToInnerCalls(current.tx, async () => work(current.tx)))
    } catch (error) {
      current.revoke()
      const whole = await undo(current, breakOff)
      if (whole || OnlyonceError.is(error)) throw error
      throw endedInside(error)
    }
    current.revoke()
    try {
      await current.settled()
    } catch (error) {
      await undo(current, breakOff)
      throw error
    }
    const lost = await commit(current, breakOff)
    return lost === undefined ? { value } : { value, lost }
  }

  /** Also reports a lock timeout that rolled back the caller's transaction, which must not commit only its rest. */
  function joined(tx: MysqlTx): Session {
    refuseCallbacks('tx', tx)
    checkJoined(tx, ['query', 'execute'], `a connection of 'mysql2/promise' ${OR_EXECUTOR}`)
    const session = joinedSession(tx, database)
    const noticed = async <T>(answer: Promise<T>): Promise<T> => {
      try {
        return await answer
      } catch (error) {
        if (faultOf(error) !== 'locked') throw error
        const settings = await schema.settings(tx).catch(() => undefined)
        if (settings?.timeoutUndoes !== true) throw error
        markUndoing(error)
        throw timedOut(error)
      }
    }
    return {
      ...session,
      rows: (sql, values) => noticed(session.rows(sql, values)),
      write: (sql, values) => noticed(session.write(sql, values)),
    }
  }

  return {
    async run(work) {
      checkFunction('work', work)
      const { value, lost } = await asking.hold('begin a transaction', (client, holding) =>
        inTransaction(client, holding, work),
      )
      if (lost !== undefined) await findOut(asking, statements, options, lost)
      return value
    },
    join: (tx) => handles.get(tx) ?? joined(tx),
    maxPacketBytes: async (tx) => (await schema.settings(tx)).maxPacketBytes,
  }
}

function timedOut(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `a lock was not to be had in time (${serverReason(cause)}), and the server, whose innodb_rollback_on_timeout is on, has ` +
      'undone the whole transaction that was given as `tx`: nothing in it was changed; end it with ROLLBACK and begin again',
    { cause },
  )
}

async function undo(current: OpenTransaction, breakOff: (error: Error) => void): Promise<boolean> {
  try {
    const whole = await current.undo()
    // What ended the transaction may have left more behind, such as locked tables.
    if (!whole) breakOff(new Error('the effect ended the transaction'))
    return whole
  } catch (error) {
    // The server rolls back when the connection is closed.
    breakOff(error as Error)
    return true
  }
}

/** Commits. Returns a lost commit for `findOut`. @throws the driver's error when nothing was committed */
async function commit(current: OpenTransaction, breakOff: (error: Error) => void): Promise<LostCommit | undefined> {
  try {
    await current.commit()
    return undefined
  } catch (thrown) {
    const error = thrown as Error
    const fault = faultOf(error)
    breakOff(error)
    // A compound statement that is stopped after its COMMIT reports that, although it has committed.
    if (fault === 'lost' || wasInterrupted(error)) return { error, leases: current.leases }
    throw fault === 'no-savepoint' ? endedInside(error) : error
  }
}
