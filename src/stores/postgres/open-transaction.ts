import type { Lease, OperationId } from '../../core/record.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { over } from '../sql/endings.ts'
import type { Row } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import type { PgClient, PgResult, PgTx } from './client.ts'
import { faultOf } from './faults.ts'
import { textLiteral } from './literals.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { readable } from './reading.ts'
import { type Session, savepointName } from './session.ts'
import type { Statement, Values } from './statement.ts'

/** Lies at the bottom of the transaction. Gone means that somebody else ended it, even if another one is open by now. */
const CANARY = 'onlyonce_transaction'
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED'

/** A transaction of ours on a connection that nobody else has. */
export interface OpenTransaction extends Session {
  readonly tx: PgTx
  /** What it has claimed, also what an effect inside has undone since. */
  readonly leases: ReadonlyMap<OperationId, Lease>
  /** Names the transaction on the server, once it has claimed something. */
  readonly xid: string | undefined
  readonly open: boolean
  /** From here on nothing that was given out can write: a late effect must not reach the next transaction. */
  revoke(): void
  /** Sends what is left and `last` with it. Does nothing where nothing was ever sent. */
  end(last: string): Promise<void>
  /** Undoes what is open on the connection, also where it is none of ours. */
  rollback(): Promise<unknown>
}

/**
 * What only prepares (BEGIN, savepoints) waits, and goes out with the next statement in one message: a claim costs one round
 * trip, not three. When one part fails the server runs none of the rest, so a claim can never run outside of its transaction.
 */
export function openTransaction(
  client: PgClient,
  asking: Asking,
  { runtime, timeoutMs, lockWaitMs }: ResolvedPostgresOptions,
): OpenTransaction {
  const leases = new Map<OperationId, Lease>()
  let waiting = [BEGIN, `SAVEPOINT ${CANARY}`]
  let ready: Promise<unknown> = Promise.resolve()
  let begun = false
  let open = true
  let xid: string | undefined

  function limited<T>(answer: Promise<T>): Promise<T> {
    const ms = timeoutMs + lockWaitMs
    return timeLimit(runtime, answer, ms, () => {
      const silent = new Error(`connection terminated: no answer within ${ms} ms`)
      return silent
    })
  }

  /** Everything that waits, and `last`, as one simple query; the answer is that of the last. */
  function together(...last: readonly string[]): Promise<PgResult> {
    const sql = [...waiting, ...last].join('; ')
    waiting = []
    begun = true
    const answer = ready.then(async () => lastOf(await limited(client.query(sql))))
    ready = answer
    return answer
  }

  async function settled(): Promise<void> {
    if (waiting.length > 0) await together()
    else await ready
  }

  async function run(statement: Statement, values: Values): Promise<readonly Row[]> {
    if (!open) throw over()
    const held = waiting
    const plain = values.every((value) => typeof value !== 'object' || value === null)
    if (held.length > 0 && plain && asking.hasPrepared(client, statement)) {
      const execute = `EXECUTE ${statement.name}(${values.map((value) => textLiteral(value as string | null)).join(', ')})`
      try {
        return (await together(execute)).rows.map(readable)
      } catch (error) {
        const last = held.at(-1)
        if (faultOf(error) !== 'not-prepared' || !last?.startsWith('SAVEPOINT ')) throw error
        // All before it has been done: go back there, and send the statement itself.
        asking.neverExecute(client)
        ready = Promise.resolve()
        waiting = [`ROLLBACK TO ${last}`, ...waiting]
      }
    }
    await settled()
    // Not awaited by the effect, and overtaken by the COMMIT: outside of the transaction nothing may be written.
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
    get xid() {
      return xid
    },
    get open() {
      return open
    },
    run,
    async guard() {
      // The first one needs no savepoint of its own: the bottom of the transaction will do.
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
      // Somebody else may have the connection by now.
      if (!open) throw over()
      const unsent = waiting.indexOf(`SAVEPOINT ${name}`)
      if (unsent >= 0) {
        waiting.length = unsent + 1
        return
      }
      // Savepoints inside it go with it, the ones that wait to be released too.
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
      if (last.startsWith('ROLLBACK')) {
        waiting = []
        ready = ready.catch(() => {})
      }
      await together(last)
    },
    rollback: () => limited(client.query('ROLLBACK')),
  }
}

/** pg answers a message of several statements with a list. */
function lastOf(result: PgResult | readonly PgResult[]): PgResult {
  return Array.isArray(result) ? (result.at(-1) as PgResult) : (result as PgResult)
}

export const COMMIT = `RELEASE SAVEPOINT ${CANARY}; COMMIT`
export const UNDO = `ROLLBACK TO SAVEPOINT ${CANARY}; ROLLBACK`
