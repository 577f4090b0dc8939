import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { OperationId } from '../../core/record.ts'
import { allOf } from '../../embedded/all-of.ts'
import { withPlainBlobs } from '../../embedded/bytes.ts'
import type { SqliteConnection, SqliteStatement } from '../../embedded/driver.ts'
import { faultOf } from '../../embedded/faults.ts'
import { saysInTransaction } from '../../embedded/in-transaction.ts'
import { bindable, runOf, statement } from '../../embedded/statements.ts'
import { over } from '../sql/endings.ts'

/** The handle that an effect writes with. Throws once the transaction is over. */
export interface SqliteTx {
  /** Runs statements without values or rows, in the transaction. */
  exec(sql: string): unknown
  /** Compiles one statement with `?` for the values; it may be run until the transaction is over. */
  prepare(sql: string): SqliteStatement
}

/** A transaction as the store sees it. */
export interface OpenTransaction {
  readonly db: SqliteConnection
  readonly tx: SqliteTx
  /** Operations whose waiters are woken after the commit. */
  readonly touched: Set<OperationId>
  isOpen(): boolean
  /** The error with which SQLite rolled back the whole transaction on its own, as it does on a full disk. */
  undoneBy(): unknown
  /** Runs `step` if the transaction is still open. @throws OnlyonceError CLOSED, OUTCOME_UNKNOWN, STORE_UNAVAILABLE */
  use<T>(step: () => T): T
  /** Disables the handle and its statements: a late effect must not write into the next transaction. */
  revoke(): void
}

export function openTransaction(db: SqliteConnection): OpenTransaction {
  const touched = new Set<OperationId>()
  let open = true
  let undoneBy: unknown

  function use<T>(step: () => T): T {
    if (!open) throw over()
    if (undoneBy !== undefined) throw undone(undoneBy)
    if (knownIdle(db)) throw endedInside(undefined)
    try {
      return step()
    } catch (error) {
      if (!isInTransaction(db)) undoneBy = error
      throw error
    }
  }

  const tx: SqliteTx = {
    exec: (sql) => use(() => db.exec(sql)),
    prepare: (sql) => {
      const compiled = use(() => statement(db, sql))
      return {
        run: (...params) => use(() => runOf(db, compiled, bindable(compiled, params))),
        // Not the driver's `get`: libsql's leaves the statement open, see statements.ts.
        get: (...params) => withPlainBlobs(use(() => allOf(compiled, sql, bindable(compiled, params))[0])),
        all: (...params) => use(() => allOf(compiled, sql, bindable(compiled, params))).map(withPlainBlobs),
      }
    },
  }
  return {
    db,
    tx,
    touched,
    use,
    isOpen: () => open,
    undoneBy: () => undoneBy,
    revoke() {
      open = false
    },
  }
}

export function isInTransaction(db: SqliteConnection): boolean {
  const told = saysInTransaction(db)
  if (told !== undefined) return told
  try {
    db.exec('BEGIN')
  } catch (error) {
    return faultOf(error) === 'nested'
  }
  db.exec('ROLLBACK')
  return false
}

/** `work` committed or rolled back by itself, so its writes and the record may no longer agree. */
export function endedInside(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    'the effect ended the transaction that it was given (COMMIT or ROLLBACK inside it), so its writes and the record are ' +
      'no longer one: look whether it happened; remove COMMIT, ROLLBACK and BEGIN from the effect, use SAVEPOINT instead',
    { cause },
  )
}

export function undone(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `SQLite undid the whole transaction (${reasonOf(cause)}); nothing was changed: remove the cause, then ask again`,
    { cause },
  )
}

function knownIdle(db: SqliteConnection): boolean {
  return saysInTransaction(db) === false
}
