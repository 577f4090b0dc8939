import { OnlyonceError } from '../../core/errors.ts'
import type { Lease } from '../../core/record.ts'
import { endedInside, notOpen, spoilt } from '../sql/endings.ts'
import { plainNames } from '../sql/plain-names.ts'
import type { Row } from '../sql/rows.ts'
import type { PgTx } from './client.ts'
import { faultOf, told } from './faults.ts'
import { readable } from './reading.ts'
import type { Statement, Values } from './statement.ts'

/** An open transaction as the store uses it, whoever began it. */
export interface Session {
  /** Whether the caller began it. */
  readonly joined: boolean
  run(statement: Statement, values: Values): Promise<readonly Row[]>
  /** Sets a savepoint and answers its name. */
  guard(): Promise<string>
  /** @throws OnlyonceError OUTCOME_UNKNOWN, here or at the next statement, when the savepoint is gone */
  release(name: string): Promise<void>
  /** Undoes what came after the savepoint, which stays. @throws OnlyonceError OUTCOME_UNKNOWN when it is gone */
  rollbackTo(name: string): Promise<void>
  /** The operation's waiters are woken when this commits, where we can know. `xid`: the transaction, as the server calls it. */
  granted(lease: Lease, xid: unknown): void
}

let savepoints = 0

/** Unique in the process: a name that is met again would be somebody else's savepoint. */
export function savepointName(): string {
  return `onlyonce_guard_${++savepoints}`
}

/** The caller's own transaction: each statement is sent by itself, because any driver can do that. */
export function joinedSession(tx: PgTx, schema: string): Session {
  async function command(sql: string, ended: (cause: unknown) => OnlyonceError): Promise<void> {
    try {
      await tx.query(sql)
    } catch (error) {
      throw explained(error, schema, ended)
    }
  }

  return {
    joined: true,
    async run({ text }, values) {
      const { rows } = await tx.query(text, values as unknown[])
      return rows.map((row) => readable(plainNames(row)))
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

/** What a statement of the store's own could not do inside a transaction. */
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
