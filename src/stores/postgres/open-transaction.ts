import type { Lease, OperationId } from '../../core/record.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { over } from '../sql/endings.ts'
import type { Row } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import type { PgClient, PgResult, PgTx } from './client.ts'
import { asMessenger, sendMessage } from './message.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { type Session, savepointName } from './session.ts'
import type { Statement, Values } from './statement.ts'

/** First savepoint of the transaction. If missing, other code ended the transaction, even if another one is open. */
const CANARY = 'onlyonce_transaction'
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED'

/** A transaction begun by the store, on a connection that nothing else uses. */
export interface OpenTransaction extends Session {
  readonly tx: PgTx
  /** All leases granted in it, including those that a rollback to a savepoint has undone since. */
  readonly leases: ReadonlyMap<OperationId, Lease>
  /** The server's id of the transaction, once it has claimed something. */
  xid(): string | undefined
  isOpen(): boolean
  /** Makes `tx` unusable: a late effect must not write into the connection's next transaction. */
  revoke(): void
  /** Sends the pending commands together with `last`. Does nothing if nothing was ever sent. */
  end(last: string): Promise<void>
  /** Rolls back what is open on the connection, even if other code began it. */
  rollback(): Promise<unknown>
}

/**
 * Commands that only prepare (BEGIN, savepoints) are held back and sent with the next statement in one message: a claim
 * costs one round trip, not three. When one part fails the server skips the rest, so a claim can never run outside its
 * transaction.
 */
export function openTransaction(
  client: PgClient,
  asking: Asking,
  { runtime, timeoutMs, lockWaitMs, prepare }: ResolvedPostgresOptions,
): OpenTransaction {
  const leases = new Map<OperationId, Lease>()
  let waiting = [BEGIN, `SAVEPOINT ${CANARY}`]
  let ready: Promise<unknown> = Promise.resolve()
  let begun = false
  let open = true
  let xid: string | undefined
  /** Set after a time-out: whatever is sent after an unanswered statement gets no answer either. */
  let silent: Error | undefined

  function limited<T>(answer: Promise<T>): Promise<T> {
    const ms = timeoutMs + lockWaitMs
    return timeLimit(runtime, answer, ms, () => {
      silent = new Error(`connection terminated: no answer within ${ms} ms`)
      return silent
    })
  }

  /** Returns the pending commands, for the caller to send now. */
  function sent(): readonly string[] {
    const texts = waiting
    waiting = []
    begun = true
    return texts
  }

  /** Sends one after the other: each call fails if the one before it failed. */
  function answered<T>(send: () => Promise<T>): Promise<T> {
    const answer = ready.then(() => limited(send()))
    ready = answer
    return answer
  }

  /** Sends all pending commands and `last` as one simple query. */
  function together(...last: readonly string[]): Promise<unknown> {
    const sql = [...sent(), ...last].join('; ')
    return answered(() => client.query(sql))
  }

  async function settled(): Promise<void> {
    if (waiting.length > 0) await together()
    else await ready
  }

  async function run(statement: Statement, values: Values): Promise<readonly Row[]> {
    if (!open) throw over()
    const messenger = waiting.length > 0 ? asMessenger(client) : undefined
    if (messenger !== undefined) {
      const before = sent().map((text) => ({ statement: { name: '', text }, values: [], prepared: false }))
      return answered(() => sendMessage(messenger, [...before, { statement, values, prepared: prepare }]))
    }
    await settled()
    // The effect did not await this call, and COMMIT came first: nothing may be written outside the transaction.
    if (!open) throw over()
    return limited(asking.send(client, statement, values))
  }

  async function query(...given: Parameters<PgTx['query']>): Promise<PgResult> {
    if (!open) throw over()
    await settled()
    if (!open) throw over()
    return client.query(...given)
  }

  return {
    joined: false,
    tx: { query },
    leases,
    xid: () => xid,
    isOpen: () => open,
    run,
    async guard() {
      // The first one needs no savepoint of its own: that of the transaction will do.
      if (!begun && waiting.length === 2) return CANARY
      const name = savepointName()
      waiting.push(`SAVEPOINT ${name}`)
      return name
    },
    async release(name) {
      if (name === CANARY) return
      if (waiting.at(-1) === `SAVEPOINT ${name}`) waiting.pop()
      else waiting.push(`RELEASE SAVEPOINT ${name}`)
    },
    async rollbackTo(name) {
      // The connection may have been lent again.
      if (!open) throw over()
      if (silent !== undefined) throw silent
      const unsent = waiting.indexOf(`SAVEPOINT ${name}`)
      if (unsent >= 0) {
        waiting.length = unsent + 1
        return
      }
      // Inner savepoints end with it, including those whose release is pending.
      waiting = []
      ready = ready.catch(() => {})
      await together(`ROLLBACK TO SAVEPOINT ${name}`)
    },
    granted(lease, given) {
      leases.set(lease.id, lease)
      if (typeof given === 'string') xid = given
    },
    revoke() {
      open = false
    },
    async end(last) {
      if (!begun) return
      if (silent !== undefined) throw silent
      if (last.startsWith('ROLLBACK')) {
        waiting = []
        ready = ready.catch(() => {})
      }
      await together(last)
    },
    rollback: () => limited(client.query('ROLLBACK')),
  }
}

export const COMMIT = `RELEASE SAVEPOINT ${CANARY}; COMMIT`
export const UNDO = `ROLLBACK TO SAVEPOINT ${CANARY}; ROLLBACK`
