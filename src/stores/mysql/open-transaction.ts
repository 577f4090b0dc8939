import { timeLimit } from '../../core/time-limit.ts'
import { endedInside, over } from '../sql/endings.ts'
import type { Row } from '../sql/rows.ts'
import type { Header, MysqlAnswer, MysqlConnection, MysqlTx } from './client.ts'
import { faultOf, markUndoing, undoneByServer } from './faults.ts'
import { createLeases, type Leases } from './leases.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import type { ServerSettings } from './schema.ts'
import { explained, type Session, savepointName } from './session.ts'

/** Lies at the bottom of the transaction. Gone means that somebody else ended it, even if another one is open by now. */
const CANARY = 'onlyonce_transaction'

/** A transaction of ours on a connection that nobody else has. */
export interface OpenTransaction extends Session {
  readonly tx: MysqlTx
  readonly leases: Pick<Leases, 'all' | 'certain'>
  readonly open: boolean
  /** From here on nothing that was given out can write: a late effect must not reach the next transaction. */
  revoke(): void
  /** @throws OnlyonceError OUTCOME_UNKNOWN when it is not this transaction any more; the server's reason when that undid it */
  check(): Promise<void>
  commit(): Promise<void>
  /** Undoes everything; false when the transaction that was begun is not there any more, and the server did not undo it. */
  undo(): Promise<boolean>
}

/** Puts back what `begin` has set for the session. */
export const RESTORE = 'SET @@innodb_lock_wait_timeout = @onlyonce_lock_wait_timeout'

/**
 * Each statement waits for the one before it, as the protocol has it: three round trips to begin, one for each claim, two to check
 * and commit. READ COMMITTED, which locks no gaps; the level is that of this transaction alone. The server undoes the
 * whole transaction when it is chosen to end a deadlock, and would commit each later statement by itself, so none is let
 * through, not even one that was given before the answer came.
 */
export async function beginTransaction(
  client: MysqlConnection,
  { isolationVariable, timeoutUndoes }: ServerSettings,
  { runtime, timeoutMs, lockWaitMs, database }: ResolvedMysqlOptions,
): Promise<OpenTransaction> {
  const lockWait = Math.ceil(lockWaitMs / 1000)
  let open = true
  /** Something has been done in it, by the effect or by us. */
  let used = false
  /** The effect has been handed the connection, and has used it. */
  let given = false
  let undone: unknown
  const leases = createLeases()
  let last: Promise<unknown> = Promise.resolve()
  let undoing = false

  function limited<T>(answer: Promise<T>): Promise<T> {
    const ms = timeoutMs + lockWait * 1000
    return timeLimit(runtime, answer, ms, () => new Error(`connection lost: no answer within ${ms} ms`))
  }

  async function begin(settings: string): Promise<void> {
    await limited(client.query(`SET ${settings}`))
    await limited(client.query('START TRANSACTION'))
    await limited(client.query(`SAVEPOINT ${CANARY}`))
    undone = undefined
  }

  /** Sends nothing before all that was given earlier is answered. */
  function inTurn(send: () => Promise<MysqlAnswer>): Promise<MysqlAnswer> {
    const answer = last.then(send)
    last = answer.catch(() => {})
    return answer
  }

  /** Notices when the server undoes the transaction, whosever statement it was. */
  function statement(send: () => Promise<MysqlAnswer>): Promise<MysqlAnswer> {
    requireWhole()
    used = true
    return inTurn(async () => {
      if (undone !== undefined) throw undone
      if (undoing) throw over()
      try {
        return await send()
      } catch (error) {
        if (timeoutUndoes && faultOf(error) === 'locked') markUndoing(error)
        if (undoneByServer(error)) undone = error
        throw error
      }
    })
  }

  function requireWhole(): void {
    if (!open) throw over()
    if (undone !== undefined) throw undone
  }

  const own = async (sql: string, values: readonly string[]) =>
    (await limited(statement(() => client.execute(sql, [...values]))))[0]

  async function handedOn(sql: string, send: () => Promise<MysqlAnswer>): Promise<MysqlAnswer> {
    const answering = statement(send)
    given = true
    leases.handedOver()
    const answer = await answering
    leases.ran(sql)
    return answer
  }

  async function restart(savepoint: string): Promise<boolean> {
    // What was done before the claim is gone as well, unless the claim stands at the bottom.
    if (undone === undefined || savepoint !== CANARY || given || leases.all.length > 0) return false
    await begin(level)
    return true
  }

  async function command(sql: string): Promise<void> {
    try {
      await limited(
        inTurn(async () => {
          if (undone !== undefined) throw undone
          return client.query(sql)
        }),
      )
    } catch (error) {
      throw explained(error, database, endedInside)
    }
  }

  const level = `@@${isolationVariable} = 'READ-COMMITTED'`
  const wait = '@@innodb_lock_wait_timeout'
  await begin(`@onlyonce_lock_wait_timeout = ${wait}, ${wait} = ${lockWait}, ${level}`)

  return {
    joined: false,
    tx: {
      query: (sql, values) => handedOn(sql, () => client.query(sql, values)),
      execute: (sql, values) => handedOn(sql, () => client.execute(sql, values)),
    },
    leases,
    get open() {
      return open
    },
    rows: async (sql, values) => (await own(sql, values)) as readonly Row[],
    write: async (sql, values) => (await own(sql, values)) as Header,
    async guard() {
      // The first one needs no savepoint of its own: the bottom of the transaction will do.
      requireWhole()
      if (!used) return CANARY
      const name = savepointName()
      await command(`SAVEPOINT ${name}`)
      leases.mark(name)
      return name
    },
    async release(name) {
      if (undone !== undefined) throw undone
      if (name !== CANARY) await command(`RELEASE SAVEPOINT ${name}`)
      leases.unmark(name)
    },
    async rollbackTo(name) {
      // Somebody else may have the connection by now.
      if (!open) throw over()
      if (undone === undefined) {
        await command(`ROLLBACK TO SAVEPOINT ${name}`)
        leases.undoneTo(name)
      }
      // A claim that waited in vain is an answer, and not the end of the transaction, where there was nothing else in it.
      else if (faultOf(undone) === 'locked') await restart(name)
    },
    restart,
    granted: leases.add,
    revoke() {
      open = false
    },
    async check() {
      // An effect may have ended before statements of its own.
      await limited(last)
      if (undone !== undefined) throw undone
      await command(`RELEASE SAVEPOINT ${CANARY}`)
    },
    commit: async () => void (await limited(client.query('COMMIT'))),
    async undo() {
      let whole = true
      // What still waits for its turn need not be sent.
      undoing = true
      await limited(last)
      if (undone === undefined) {
        try {
          await limited(client.query(`ROLLBACK TO SAVEPOINT ${CANARY}`))
        } catch (error) {
          if (faultOf(error) !== 'no-savepoint') throw error
          whole = false
        }
      }
      await limited(client.query('ROLLBACK'))
      return whole
    },
  }
}
