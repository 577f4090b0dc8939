import { OnlyonceError } from '../../core/errors.ts'
import type { Lease } from '../../core/record.ts'
import { endedInside, noConnection, notOpen } from '../sql/endings.ts'
import { plainNames } from '../sql/plain-names.ts'
import type { Row } from '../sql/rows.ts'
import { type Header, IN_TRANSACTION, type MysqlTx } from './client.ts'
import { faultOf, told, undoneByServer } from './faults.ts'

/** An open transaction as the store uses it, begun by the store or by the caller. */
export interface Session {
  /** Whether the caller began it. */
  readonly joined: boolean
  rows(sql: string, values: readonly string[]): Promise<readonly Row[]>
  write(sql: string, values: readonly string[]): Promise<Header>
  /** Sets a savepoint and returns its name. */
  guard(): Promise<string>
  /** @throws OnlyonceError OUTCOME_UNKNOWN when the savepoint is gone */
  release(name: string): Promise<void>
  /**
   * Rolls back to the savepoint, which stays. It may be gone if `reason` shows that the server has rolled back the whole
   * transaction. @throws OnlyonceError OUTCOME_UNKNOWN when it is gone for another reason
   */
  rollbackTo(name: string, reason: unknown): Promise<void>
  /**
   * After a deadlock, begins the transaction again for the claim at this savepoint. Returns false if there was more in
   * it than that claim, or if it is the caller's.
   */
  restart(savepoint: string): Promise<boolean>
  /** Notes a lease to look for if the commit's answer is lost. */
  granted(lease: Lease): void
}

let savepoints = 0

/** Unique in the process, so that it cannot be the savepoint of another call. */
export function savepointName(): string {
  return `onlyonce_guard_${++savepoints}`
}

/**
 * The caller's own transaction: its isolation level and its lock wait timeout are left as they are.
 * @throws OnlyonceError OPTION_INVALID
 */
export function joinedSession(tx: MysqlTx, database: string): Session {
  async function ask(sql: string, values: readonly string[]): Promise<unknown> {
    const answer: unknown = await tx.execute(sql, [...values])
    if (!Array.isArray(answer) || Object(answer[0]) !== answer[0]) throw noConnection('mysql2/promise')
    return answer[0]
  }

  async function command(sql: string, ended: (cause: unknown) => OnlyonceError): Promise<Header | undefined> {
    try {
      return Object(await tx.query(sql))[0] as Header | undefined
    } catch (error) {
      throw explained(error, database, ended)
    }
  }

  return {
    joined: true,
    rows: async (sql, values) => ((await ask(sql, values)) as readonly Row[]).map(plainNames),
    write: async (sql, values) => (await ask(sql, values)) as Header,
    async guard() {
      const name = savepointName()
      const header = await command(`SAVEPOINT ${name}`, notOpen)
      // Outside of a transaction, setting a savepoint succeeds, but it is gone at once.
      if (header?.serverStatus === undefined) await command(`ROLLBACK TO SAVEPOINT ${name}`, notOpen)
      else if (isOutside(header.serverStatus)) throw notOpen()
      return name
    },
    release: async (name) => void (await command(`RELEASE SAVEPOINT ${name}`, endedInside)),
    async rollbackTo(name, reason) {
      try {
        await command(`ROLLBACK TO SAVEPOINT ${name}`, endedInside)
      } catch (error) {
        // Only tried can it be told from a deadlock that the effect has met on another server, with this one untouched.
        if (!undoneByServer(reason)) throw error
      }
    },
    restart: async () => false,
    granted() {},
  }
}

const AUTOCOMMIT = 2

/** With autocommit off there is always a transaction, even without BEGIN. */
function isOutside(serverStatus: number): boolean {
  return (serverStatus & IN_TRANSACTION) === 0 && (serverStatus & AUTOCOMMIT) !== 0
}

/** Converts an error of one of the store's own statements inside a transaction. */
export function explained(
  error: unknown,
  database: string,
  ended: (cause: unknown) => OnlyonceError = endedInside,
): Error {
  if (OnlyonceError.is(error)) return error
  return faultOf(error) === 'no-savepoint' ? ended(error) : told(database, error)
}
