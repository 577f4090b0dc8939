import { AsyncLocalStorage } from 'node:async_hooks'
import { existsSync } from 'node:fs'
import { OnlyonceError } from '../../core/errors.ts'
import { createMutex } from '../../core/mutex.ts'
import { createWhileBusy, type WhileBusy } from '../../embedded/busy.ts'
import type { Connection } from '../../embedded/connection.ts'
import type { SqliteDatabase } from '../../embedded/driver.ts'
import { type Fault, faultOf, noFile } from '../../embedded/faults.ts'
import { IN_MEMORY } from '../../embedded/open-file.ts'
import { createConnector } from './connect.ts'
import type { OpenTransaction } from './open-transaction.ts'
import type { ResolvedSqliteOptions } from './options.ts'
import { applyMigrations, LATEST_VERSION, requireLatest, schemaVersion } from './schema.ts'

/** Guards the connection: it is opened on first use, has one user at a time, and is not reopened after `close`. */
export interface Gate {
  /** The transaction that the calling code runs in, by its async context. */
  readonly inside: AsyncLocalStorage<OpenTransaction>
  readonly whileBusy: WhileBusy
  read<T>(verb: string, work: (db: SqliteDatabase, now: number) => T): Promise<T>
  /** `now` is the store's clock, read once the write lock is held. */
  write<T>(verb: string, work: (db: SqliteDatabase, now: number) => T): Promise<T>
  /** Lends the connection until `use` settles. `anySchema`: also when the tables are missing or old. */
  hold<T>(verb: string, use: (held: Held) => Promise<T>, schema?: 'anySchema'): Promise<T>
  /** Closes the connection after current users are done. Idempotent. */
  close(): Promise<void>
}

export interface Held {
  readonly connection: Connection
  readonly deadline: number
  /** Returns a deadline `busyTimeoutMs` from now. */
  newDeadline(): number
}

export function createGate(options: ResolvedSqliteOptions): Gate {
  const { source, label, busyTimeoutMs, runtime } = options
  const inside = new AsyncLocalStorage<OpenTransaction>()
  const whileBusy = createWhileBusy(runtime, label, busyTimeoutMs)
  const mutex = createMutex(runtime)
  const connect = createConnector(options, whileBusy)
  let connection: Connection | undefined
  let schemaIsRight = false
  let closing: Promise<void> | undefined

  function refuse(verb: string): void {
    if (closing !== undefined)
      throw new OnlyonceError('CLOSED', `the sqlite store ${label} was closed; it cannot ${verb}`)
  }

  function isInside(): boolean {
    return inside.getStore()?.isOpen() === true
  }

  async function hold<T>(verb: string, use: (held: Held) => Promise<T>, schema?: 'anySchema'): Promise<T> {
    refuse(verb)
    const newDeadline = () => runtime.elapsed() + busyTimeoutMs
    const deadline = newDeadline()
    const release = isInside()
      ? await mutex.acquire(Math.min(busyTimeoutMs, PATIENCE_INSIDE_MS), () => insideItself(verb, label))
      : await mutex.acquire(busyTimeoutMs, () => notOurTurn(verb, options))
    try {
      if (schema !== 'anySchema') refuseMissingFile()
      connection ??= await connect(deadline)
      if (!schemaIsRight && schema !== 'anySchema') await prepareSchema(connection, deadline)
      return await use({ connection, deadline, newDeadline })
    } catch (error) {
      reopenAfter(error)
      throw error
    } finally {
      release()
    }
  }

  /**
   * Drops a connection whose fault outlives its cause: a file opened read-only stays so after its mode was fixed. Never
   * that of `:memory:`, with which all records would go: the fault may be another database's, told by an effect.
   */
  function reopenAfter(error: unknown): void {
    if (connection === undefined || 'database' in source || source.path === IN_MEMORY) return
    if (!OUTLIVES_ITS_CAUSE.includes(faultOf(Object(error).cause))) return
    try {
      connection.close()
    } catch {
      // The connection is dropped either way, and the caller gets the original error.
    }
    connection = undefined
  }

  async function prepareSchema({ db, read, write }: Connection, deadline: number): Promise<void> {
    const version = await read(() => schemaVersion(db), deadline)
    if (version < LATEST_VERSION && options.migrate === 'auto') await write(() => applyMigrations(db), deadline)
    else requireLatest(version, label)
    schemaIsRight = true
  }

  /** Under `check` nothing is created, the file included. */
  function refuseMissingFile(): void {
    if (connection !== undefined || options.migrate !== 'check' || !('path' in source)) return
    if (source.path !== IN_MEMORY && !existsSync(source.path)) throw noFile(label)
  }

  return {
    inside,
    whileBusy,
    hold,
    read: (verb, work) =>
      hold(verb, ({ connection: { db, read }, deadline }) => read(() => work(db, runtime.now()), deadline)),
    write: (verb, work) =>
      hold(verb, ({ connection: { db, write }, deadline }) => write(() => work(db, runtime.now()), deadline)),
    close() {
      if (isInside()) return Promise.reject(insideItself('close', label))
      closing ??= (async () => {
        // The mutex is first in, first out: earlier calls finish before us, and later ones are refused.
        const release = await mutex.acquire(LONGEST_TRANSACTION_MS, () => notOurTurn('close', options))
        try {
          connection?.close()
          connection = undefined
        } finally {
          release()
        }
      })()
      return closing
    },
  }
}

const OUTLIVES_ITS_CAUSE: readonly Fault[] = ['read-only', 'damaged', 'cannot-open']

/**
 * How long a call from inside an open transaction waits for the connection. If the effect awaits it, it would wait for
 * itself. But it may not be awaited, or be batched with another caller's: so it waits briefly, well below other limits.
 */
const PATIENCE_INSIDE_MS = 500

/** A transaction that takes longer is taken to hang. */
const LONGEST_TRANSACTION_MS = 3_600_000

function insideItself(verb: string, label: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `${verb} was called from inside an open transaction of the same sqlite store (${label}) and waited for it: ` +
      'inside it use `once.atomic(key, effect, { tx })`, or another store with a file of its own',
  )
}

function notOurTurn(verb: string, { label, busyTimeoutMs }: ResolvedSqliteOptions): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the sqlite store ${label} did not ${verb}: transactions of this process have held its connection for ${busyTimeoutMs} ms; ` +
      'nothing was changed: ask again, and keep effects inside transactions short',
  )
}
