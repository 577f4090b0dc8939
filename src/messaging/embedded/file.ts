import { ofWholeCall } from '../../core/batcher.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { createMutex } from '../../core/mutex.ts'
import { createWhileBusy } from '../../embedded/busy.ts'
import { type Connection, createConnection } from '../../embedded/connection.ts'
import { loadDriver, type SqliteDatabase } from '../../embedded/driver.ts'
import { faultOf, unavailable } from '../../embedded/faults.ts'
import { openFile } from '../../embedded/open-file.ts'
import { change, rows } from '../../embedded/statements.ts'
import type { ResolvedQueue } from './options.ts'
import { CREATE_META, MIGRATIONS, READ_VERSION, WRITE_VERSION } from './sql.ts'

/** The file of the queue: opened and migrated on first use, one transaction at a time. */
export interface QueueFile {
  read<T>(work: (db: SqliteDatabase, now: number) => T): Promise<T>
  write<T>(work: (db: SqliteDatabase, now: number) => T): Promise<T>
  /** Waits for what is under way. Idempotent. */
  close(): Promise<void>
}

export function queueFile(options: ResolvedQueue): QueueFile {
  const { source, label, runtime, busyTimeoutMs, durability } = options
  const whileBusy = createWhileBusy(runtime, label, busyTimeoutMs)
  const mutex = createMutex(runtime)
  let opened: Connection | undefined
  let closing: Promise<void> | undefined

  async function open(deadline: number): Promise<Connection> {
    let connection: Connection
    try {
      if ('database' in source) {
        connection = createConnection({ db: source.database, label, whileBusy, lent: true })
      } else {
        const driver = await loadDriver()
        const db = await whileBusy(() => openFile(driver, source.path, durability), deadline)
        connection = createConnection({ db, label, whileBusy, path: source.path, lent: false })
      }
    } catch (error) {
      throw unavailable(label, error)
    }
    try {
      await connection.write(() => migrate(connection.db, label), deadline)
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  async function use<T>(run: (connection: Connection, deadline: number) => Promise<T>): Promise<T> {
    if (closing !== undefined) throw new OnlyonceError('CLOSED', `the queue ${label} was closed`)
    const deadline = runtime.elapsed() + busyTimeoutMs
    const release = await mutex.acquire(busyTimeoutMs, () => ofWholeCall(late(label, busyTimeoutMs)))
    try {
      opened ??= await open(deadline)
      return await run(opened, deadline)
    } catch (error) {
      throw isBusy(error) ? ofWholeCall(error) : error
    } finally {
      release()
    }
  }

  return {
    read: (work) => use(({ db, read }, deadline) => read(() => work(db, runtime.now()), deadline)),
    write: (work) => use(({ db, write }, deadline) => write(() => work(db, runtime.now()), deadline)),
    close() {
      closing ??= (async () => {
        const release = await mutex.acquire(busyTimeoutMs, () => late(label, busyTimeoutMs))
        opened?.close()
        release()
      })()
      return closing
    },
  }
}

/** Call inside a write transaction: a second process waits for the lock and then finds nothing left to do. */
function migrate(db: SqliteDatabase, label: string): void {
  db.exec(CREATE_META)
  const version = Number(rows(db, READ_VERSION)[0]?.number ?? 0)
  if (version > MIGRATIONS.length) {
    const newer = `the queue ${label} has schema version ${version}, newer than the ${MIGRATIONS.length} of this onlyonce`
    throw new OnlyonceError('STORE_UNAVAILABLE', `${newer}: upgrade onlyonce here`)
  }
  for (const statements of MIGRATIONS.slice(version)) for (const sql of statements) db.exec(sql)
  if (version < MIGRATIONS.length) change(db, WRITE_VERSION, MIGRATIONS.length)
}

/** Calls that share a commit are not tried one by one then: each would wait for the lock as long again. */
function isBusy(error: unknown): error is OnlyonceError {
  const fault = OnlyonceError.is(error) ? faultOf(error.cause) : undefined
  return fault === 'busy' || fault === 'nested'
}

function late(label: string, ms: number): OnlyonceError {
  return new OnlyonceError('STORE_UNAVAILABLE', `the queue ${label} was busy for ${ms} ms; nothing was changed`)
}
