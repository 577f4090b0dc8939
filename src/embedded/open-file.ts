import { OnlyonceError } from '../core/errors.ts'
import type { OpenDatabase, SqliteDatabase } from './driver.ts'
import { type Row, rows } from './statements.ts'

export const IN_MEMORY = ':memory:'

/**
 * Opens and sets up a connection of ours; closes it again if that fails.
 *
 * WAL, so that readers never wait for a writer. No waiting inside the driver, which would block the event loop. Foreign
 * keys are enforced with every driver, because effects write through this connection.
 */
export function openFile(open: OpenDatabase, path: string, durability: 'full' | 'normal'): SqliteDatabase {
  const db = open(path)
  try {
    db.exec('PRAGMA busy_timeout = 0')
    const [row] = rows(db, 'PRAGMA journal_mode = WAL')
    checkJournal(path, row)
    setDurability(db, durability)
    db.exec('PRAGMA foreign_keys = ON')
    return db
  } catch (error) {
    try {
      db.close()
    } catch {
      // The original error is the one to report.
    }
    throw error
  }
}

export function setDurability(db: Pick<SqliteDatabase, 'exec'>, durability: 'full' | 'normal'): void {
  db.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`)
}

function checkJournal(path: string, row: Row | undefined): void {
  const mode = row?.journal_mode
  if (mode === 'wal' || (path === IN_MEMORY && mode === 'memory')) return
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the SQLite file ${path} cannot use write-ahead logging (journal mode ${String(mode)}); put the file on a local disk`,
  )
}
