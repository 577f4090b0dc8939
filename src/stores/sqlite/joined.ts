import { OnlyonceError } from '../../core/errors.ts'
import type { OperationId } from '../../core/record.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { WhileBusy } from '../../embedded/busy.ts'
import { withoutWaiting } from '../../embedded/connection.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { faultOf, unavailable } from '../../embedded/faults.ts'
import { checkJoined } from '../sql/joined-tx.ts'
import { isInTransaction, type SqliteTx } from './open-transaction.ts'
import type { ResolvedSqliteOptions } from './options.ts'
import { refuseOtherFile } from './other-file.ts'
import { applyMigrations } from './schema.ts'
import { TAKE_WRITE_LOCK } from './sql.ts'
import type { Transactions } from './transaction.ts'

/** The open transaction of a handle, begun by the store or by the caller. */
export interface Joined {
  readonly db: SqliteConnection
  /** Runs one step in the transaction. @throws OnlyonceError when one of ours is over */
  use<T>(step: () => T): T
  /** As `use`, for the store's own statements: errors of the driver become STORE_UNAVAILABLE. */
  ask<T>(step: () => T): T
  /** @throws OnlyonceError OPTION_INVALID when the caller's connection has no transaction open */
  requireOpen(): void
  /** A transaction begun without IMMEDIATE has no lock yet, and the clock must be read under it. */
  takeWriteLock(): Promise<void>
  /** Wakes the operation's waiters after the commit; has no effect in the caller's own transaction. */
  touch(id: OperationId): void
  undoneBy(): unknown
}

export interface JoinOptions {
  readonly transactions: Transactions
  readonly whileBusy: WhileBusy
  readonly runtime: Runtime
  readonly label: string
  readonly busyTimeoutMs: number
  readonly source: ResolvedSqliteOptions['source']
  /** The only connection of the caller on which tables that are missing are created. */
  readonly createsOn: SqliteConnection | undefined
}

export function join(options: JoinOptions, tx: SqliteTx): Joined {
  const { transactions, whileBusy, runtime, label, busyTimeoutMs, source, createsOn } = options

  function refusing<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw unavailable(label, error)
    }
  }

  const own = transactions.behind(tx)
  if (own !== undefined) {
    return {
      db: own.db,
      use: own.use,
      ask: (step) => refusing(() => own.use(step)),
      requireOpen() {},
      async takeWriteLock() {},
      touch: (id) => own.touched.add(id),
      undoneBy: own.undoneBy,
    }
  }

  checkJoined(tx, ['exec', 'prepare'], 'the connection of SQLite with a transaction open on it')
  refuseOtherFile(source, tx)

  function requireOpen(): void {
    if (isInTransaction(tx)) return
    throw new OnlyonceError(
      'OPTION_INVALID',
      'the connection given as `tx` has no open transaction: run BEGIN IMMEDIATE on it first, and COMMIT afterwards',
    )
  }

  /**
   * The first use of a store may be in the caller's transaction: the tables commit, or vanish, with it. On any other
   * connection missing tables may mean another file, where no duplicate would be found.
   */
  function lock(): void {
    try {
      tx.exec(TAKE_WRITE_LOCK)
    } catch (error) {
      if (tx !== createsOn || faultOf(error) !== 'no-table') throw error
      applyMigrations(tx)
    }
  }

  return {
    db: tx,
    use: (step) => step(),
    ask: refusing,
    requireOpen,
    async takeWriteLock() {
      requireOpen()
      try {
        await whileBusy(() => withoutWaiting(tx, lock), runtime.elapsed() + busyTimeoutMs)
      } catch (error) {
        throw unavailable(label, error)
      }
    },
    touch() {},
    undoneBy: () => undefined,
  }
}
