import type { WhileBusy } from './busy.ts'
import type { SqliteConnection, SqliteDatabase } from './driver.ts'
import { unavailable } from './faults.ts'
import { checkSameFile, fileIdentity } from './file.ts'
import { dropStatements, rows } from './statements.ts'

/** An open database, whose locks are taken without blocking the event loop. */
export interface Connection {
  readonly db: SqliteDatabase
  /** Runs `work` in one read snapshot. @throws OnlyonceError STORE_UNAVAILABLE, or an OnlyonceError of `work` */
  read<T>(work: () => T, deadline: number): Promise<T>
  /** Runs `work` in one write transaction, without yielding. Rolls back when anything throws. */
  write<T>(work: () => T, deadline: number): Promise<T>
  /** Takes the write lock for a transaction that stays open; `opening` runs in the same step. */
  begin(opening: string, deadline: number): Promise<void>
  /** Commits the transaction that stays open. @throws the driver's error */
  commit(): void
  /** Rolls back the open transaction. Returns whether there was one. Never throws. */
  rollback(): boolean
  close(): void
}

export interface ConnectionOptions {
  readonly db: SqliteDatabase
  readonly label: string
  readonly whileBusy: WhileBusy
  /** The file to watch: it must not be deleted or replaced. */
  readonly path?: string
  /** True for the caller's own connection: not closed, and its `busy_timeout` is restored after each step. */
  readonly lent: boolean
}

export function createConnection({ db, label, whileBusy, path, lent }: ConnectionOptions): Connection {
  const opened = path === undefined ? undefined : fileIdentity(path)

  const atOnce: <T>(step: () => T) => T = lent ? (step) => withoutWaiting(db, step) : (step) => step()

  function begin(sql: string): void {
    if (path !== undefined && opened !== undefined) checkSameFile(path, opened)
    db.exec(sql)
  }

  function rollback(): boolean {
    try {
      db.exec('ROLLBACK')
      return true
    } catch {
      return false
    }
  }

  async function together<T>(sql: string, work: () => T, deadline: number): Promise<T> {
    try {
      const step = () => {
        begin(sql)
        try {
          const value = work()
          db.exec('COMMIT')
          return value
        } catch (error) {
          rollback()
          throw error
        }
      }
      return await whileBusy(() => atOnce(step), deadline)
    } catch (error) {
      throw unavailable(label, error)
    }
  }

  return {
    db,
    read: (work, deadline) => together('BEGIN', work, deadline),
    write: (work, deadline) => together('BEGIN IMMEDIATE', work, deadline),
    async begin(opening, deadline) {
      try {
        const step = () => {
          begin('BEGIN IMMEDIATE')
          try {
            db.exec(opening)
          } catch (error) {
            // Not behind a failed BEGIN: the transaction that is in its way is the caller's.
            rollback()
            throw error
          }
        }
        await whileBusy(() => atOnce(step), deadline)
      } catch (error) {
        throw unavailable(label, error)
      }
    },
    commit: () => atOnce(() => void db.exec('COMMIT')),
    rollback,
    close() {
      dropStatements(db)
      if (lent) return
      try {
        // So that the file is complete without its WAL.
        db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all()
      } catch {
        // Another process uses the file, and its close will do it.
      }
      db.close()
    },
  }
}

/**
 * Runs a step without the caller's `busy_timeout`, during which the driver would block the event loop, and with it
 * whoever in this process holds the lock. Without WAL, reads and commits wait for locks too.
 */
export function withoutWaiting<T>(db: SqliteConnection, step: () => T): T {
  const [row] = rows(db, 'PRAGMA busy_timeout')
  const own = Number(Object.values(Object(row) as object)[0])
  db.exec('PRAGMA busy_timeout = 0')
  try {
    return step()
  } finally {
    db.exec(`PRAGMA busy_timeout = ${Number.isSafeInteger(own) ? own : 0}`)
  }
}
