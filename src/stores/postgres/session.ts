import { OnlyonceError } from '../../core/errors.ts'
import type { Lease } from '../../core/record.ts'
import { endedInside, noConnection, notOpen, spoilt } from '../sql/endings.ts'
import { plainNames } from '../sql/plain-names.ts'
import type { Row } from '../sql/rows.ts'
import type { PgResult, PgTx } from './client.ts'
import { faultOf, told } from './faults.ts'
import { readable } from './reading.ts'
import { type Statement, type Values, writable } from './statement.ts'

/** An open transaction as the store uses it, begun by the store or by the caller. */
export interface Session {
  /** Whether the caller began it. */
  readonly joined: boolean
  run(statement: Statement, values: Values): Promise<readonly Row[]>
  /** Sets a savepoint and returns its name. */
  guard(): Promise<string>
  /** @throws OnlyonceError OUTCOME_UNKNOWN, here or at the next statement, when the savepoint is gone */
  release(name: string): Promise<void>
  /** Undoes everything after the savepoint, which stays. @throws OnlyonceError OUTCOME_UNKNOWN when it is gone */
  rollbackTo(name: string): Promise<void>
  /** Records a grant: its waiters are woken at the commit, if we see it. `xid`: the server's id of the transaction. */
  granted(lease: Lease, xid: unknown): void
}

let savepoints = 0

/** Unique in the process, so that it never names another savepoint. */
export function savepointName(): string {
  return `onlyonce_guard_${++savepoints}`
}

/**
 * The caller's own transaction: statements are sent one by one, which any driver supports.
 * @throws OnlyonceError OPTION_INVALID
 */
export function joinedSession(tx: PgTx, schema: string, requireHome: (there: unknown) => Promise<void>): Session {
  async function command(sql: string, ended: (cause: unknown) => OnlyonceError): Promise<void> {
    try {
      await tx.query(sql)
    } catch (error) {
      throw explained(error, schema, ended)
    }
  }

  return {
    joined: true,
    async run({ text, joined = text }, values) {
      const { rows } = Object(await tx.query(joined, writable(tx, values))) as Partial<PgResult>
      if (!Array.isArray(rows)) throw noConnection('pg')
      const plain = rows.map((row) => readable(plainNames(row)))
      await requireHome(plain[0]?.home)
      return plain
    },
    async guard() {
      const name = savepointName()
      await command(`SAVEPOINT ${name}`, notOpen)
      return name
    },
    release: (name) => command(`RELEASE SAVEPOINT ${name}`, endedInside),
    rollbackTo: (name) => command(`ROLLBACK TO SAVEPOINT ${name}`, endedInside),
    granted() {},
  }
}

/** Explains why one of the store's statements failed inside a transaction. */
export function explained(
  error: unknown,
  schema: string,
  ended: (cause: unknown) => OnlyonceError = endedInside,
): Error {
  if (OnlyonceError.is(error)) return error
  const fault = faultOf(error)
  if (fault === 'no-savepoint' || fault === 'no-transaction') return ended(error)
  return fault === 'spoilt' ? spoilt(error) : told(schema, error)
}
