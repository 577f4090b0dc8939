import { OnlyonceError } from '../../core/errors.ts'
import type { OperationId } from '../../core/record.ts'
import type { WhileBusy } from '../../embedded/busy.ts'
import type { Connection } from '../../embedded/connection.ts'
import { faultOf } from '../../embedded/faults.ts'
import type { Gate, Held } from './gate.ts'
import { endedInside, type OpenTransaction, openTransaction, type SqliteTx, undone } from './open-transaction.ts'

/** Lies at the bottom of the transaction. Gone means that somebody else ended it, even if another one is open by now. */
const CANARY = 'onlyonce_transaction'

export interface Transactions {
  run<T>(work: (tx: SqliteTx) => Promise<T>): Promise<T>
  /** The transaction that a handle of ours belongs to; undefined for a connection of the caller's. */
  behind(tx: SqliteTx): OpenTransaction | undefined
}

export function createTransactions(gate: Gate, wake: (ids: Iterable<OperationId>) => void): Transactions {
  const handles = new WeakMap<SqliteTx, OpenTransaction>()

  async function inTransaction<T>({ connection, deadline }: Held, work: (tx: SqliteTx) => Promise<T>): Promise<T> {
    await connection.begin(`SAVEPOINT ${CANARY}`, deadline)
    const current = openTransaction(connection.db)
    handles.set(current.tx, current)
    let value: T
    try {
      value = await gate.inside.run(current, async () => work(current.tx))
    } catch (error) {
      current.revoke()
      const whole = undo(connection)
      if (whole || OnlyonceError.is(error) || current.undoneBy !== undefined) throw error
      throw endedInside(error)
    }
    current.revoke()
    await commit(connection, current, gate.whileBusy, deadline)
    wake(current.touched)
    return value
  }

  return {
    run: (work) => gate.hold('begin a transaction', (held) => inTransaction(held, work)),
    behind: (tx) => handles.get(tx),
  }
}

/** Undoes everything; false when the transaction that was begun is not there any more. */
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

/** @throws what the driver threw, so that the engine can find out what became of the commit */
async function commit(
  connection: Connection,
  current: OpenTransaction,
  whileBusy: WhileBusy,
  deadline: number,
): Promise<void> {
  const { db } = connection
  try {
    db.exec(`RELEASE ${CANARY}`)
  } catch (error) {
    connection.rollback()
    throw current.undoneBy === undefined ? endedInside(error) : undone(current.undoneBy)
  }
  try {
    db.exec('COMMIT')
  } catch (error) {
    try {
      // Without WAL a reader holds a commit back; the transaction stays open meanwhile.
      if (faultOf(error) !== 'busy') throw error
      await whileBusy(() => db.exec('COMMIT'), deadline)
    } catch (refused) {
      connection.rollback()
      throw refused
    }
  }
}
