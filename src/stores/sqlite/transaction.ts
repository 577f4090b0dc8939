import { OnlyonceError } from '../../core/errors.ts'
import { checkFunction } from '../../core/option-rules.ts'
import type { OperationId } from '../../core/record.ts'
import { refusedAtCommit } from '../../core/refused-commit.ts'
import { upToInnerCalls } from '../../core/turns.ts'
import type { WhileBusy } from '../../embedded/busy.ts'
import type { Connection } from '../../embedded/connection.ts'
import { faultOf } from '../../embedded/faults.ts'
import type { Gate, Held } from './gate.ts'
import { endedInside, type OpenTransaction, openTransaction, type SqliteTx, undone } from './open-transaction.ts'

/** First savepoint of the transaction. If it is gone, the effect ended the transaction, even if another is open now. */
const CANARY = 'onlyonce_transaction'

export interface Transactions {
  run<T>(work: (tx: SqliteTx) => Promise<T>): Promise<T>
  /** Returns the transaction of one of our handles; undefined for the caller's own connection. */
  behind(tx: SqliteTx): OpenTransaction | undefined
}

export function createTransactions(gate: Gate, wake: (ids: Iterable<OperationId>) => void): Transactions {
  const handles = new WeakMap<SqliteTx, OpenTransaction>()

  async function inTransaction<T>(
    { connection, deadline, newDeadline }: Held,
    work: (tx: SqliteTx) => Promise<T>,
  ): Promise<T> {
    await connection.begin(`SAVEPOINT ${CANARY}`, deadline)
    const current = openTransaction(connection.db)
    handles.set(current.tx, current)
    let value: T
    try {
      value = await gate.inside.run(current, () => upToInnerCalls(current.tx, async () => work(current.tx)))
    } catch (error) {
      current.revoke()
      const whole = undo(connection)
      if (whole || OnlyonceError.is(error) || current.undoneBy() !== undefined) throw error
      throw endedInside(error)
    }
    current.revoke()
    await commit(connection, current, gate.whileBusy, newDeadline)
    wake(current.touched)
    return value
  }

  return {
    async run(work) {
      checkFunction('work', work)
      return gate.hold('begin a transaction', (held) => inTransaction(held, work))
    },
    behind: (tx) => handles.get(tx),
  }
}

/** Rolls back. Returns false when the transaction that was begun is already over. */
function undo(connection: Connection): boolean {
  try {
    connection.db.exec(`ROLLBACK TO ${CANARY}`)
    return true
  } catch {
    return false
  } finally {
    connection.rollback()
  }
}

/** @throws the driver's error for a failed COMMIT, so that the engine can find out whether it happened */
async function commit(
  connection: Connection,
  current: OpenTransaction,
  whileBusy: WhileBusy,
  newDeadline: () => number,
): Promise<void> {
  try {
    connection.db.exec(`RELEASE ${CANARY}`)
  } catch (error) {
    connection.rollback()
    const undoneBy = current.undoneBy()
    throw undoneBy === undefined ? endedInside(error) : undone(undoneBy)
  }
  try {
    connection.commit()
  } catch (error) {
    try {
      // Without WAL, a reader blocks the commit; the transaction stays open meanwhile.
      if (faultOf(error) !== 'busy') throw error
      await whileBusy(connection.commit, newDeadline())
    } catch (refused) {
      connection.rollback()
      throw faultOf(refused) === 'constraint' ? refusedAtCommit(refused as Error) : refused
    }
  }
}
