import { oneAtATime } from '../../core/one-at-a-time.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { endedInside, over } from '../sql/endings.ts'
import type { Row } from '../sql/rows.ts'
import type { Header, MysqlAnswer, MysqlConnection, MysqlTx } from './client.ts'
import { faultOf, markUndoing, undoneByServer } from './faults.ts'
import { createLeases, type Leases } from './leases.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import type { ServerSettings } from './schema.ts'
import { explained, type Session, savepointName } from './session.ts'

/** First savepoint of the transaction. If it is gone, the effect ended the transaction, even if another is open now. */
const CANARY = 'onlyonce_transaction'

/** A transaction of ours on a connection that is used for nothing else. */
export interface OpenTransaction extends Session {
  readonly tx: MysqlTx
  readonly leases: Pick<Leases, 'all' | 'isCertain'>
  isOpen(): boolean
  /** Disables the handle: a late effect must not write into the next transaction. */
  revoke(): void
  /** Waits for what the effect has sent. @throws the server's error when it rolled the transaction back */
  settled(): Promise<void>
  /** @throws the driver's error, which is about a savepoint when the effect ended the transaction: nothing was committed */
  commit(): Promise<void>
  /** Rolls back. Returns false when the transaction is already over, unless the server rolled it back. */
  undo(): Promise<boolean>
  /** Gives the session back its own settings, unless `commit` has. */
  restore(): Promise<void>
}

/** Restores the session variable that `begin` has changed. */
const RESTORE = 'SET @@innodb_lock_wait_timeout = @onlyonce_lock_wait_timeout'

/**
 * The protocol runs one statement at a time: on MySQL three round trips to begin, one per claim, two to check and
 * commit. On MariaDB one to begin and one to end, because a compound statement runs outside of stored programs too.
 * READ COMMITTED locks no gaps; the level applies to this transaction only. A deadlock makes the server roll back the
 * whole transaction, and it would commit every later statement by itself: so none is sent any more, not even those that
 * were waiting for their turn.
 */
export async function beginTransaction(
  client: MysqlConnection,
  { isolationVariable, timeoutUndoes, runsCompounds }: ServerSettings,
  { runtime, timeoutMs, lockWaitMs, database }: ResolvedMysqlOptions,
): Promise<OpenTransaction> {
  const lockWait = Math.ceil(lockWaitMs / 1000)
  let open = true
  /** A statement was sent in it, by the effect or by us. */
  let used = false
  /** The effect has used the connection. */
  let given = false
  let undone: unknown
  /** The session is as it was before `begin`. */
  let restored = true
  const leases = createLeases()
  /** Sends after all earlier statements were answered. */
  const inTurn = oneAtATime()
  let undoing = false

  function limited<T>(answer: Promise<T>): Promise<T> {
    const ms = timeoutMs + lockWait * 1000
    return timeLimit(runtime, answer, ms, () => new Error(`connection lost: no answer within ${ms} ms`))
  }

  /** Runs commands that return no rows, up to the first that fails. */
  async function inOrder(...commands: readonly string[]): Promise<void> {
    // https://mariadb.com/kb/en/begin-end/
    const texts = runsCompounds ? [`BEGIN NOT ATOMIC ${commands.join('; ')}; END`] : commands
    for (const text of texts) await limited(client.query(text))
  }

  async function begin(settings: string): Promise<void> {
    await inOrder(`SET ${settings}`, 'START TRANSACTION', `SAVEPOINT ${CANARY}`)
    restored = false
    undone = undefined
  }

  /** Sends a statement of ours or of the effect, and notes when the server rolls the transaction back. */
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
    // Earlier work is gone as well, so restart only if the claim is the first thing in the transaction.
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
    isOpen: () => open,
    rows: async (sql, values) => (await own(sql, values)) as readonly Row[],
    write: async (sql, values) => (await own(sql, values)) as Header,
    async guard() {
      // The first guard can use the transaction's first savepoint.
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
      // The connection may already be lent to another caller.
      if (!open) throw over()
      if (undone === undefined) {
        await command(`ROLLBACK TO SAVEPOINT ${name}`)
        leases.undoneTo(name)
      }
      // After a lock wait that undid the transaction: if only the claim was in it, begin it again and go on.
      else if (faultOf(undone) === 'locked') await restart(name)
    },
    restart,
    granted: leases.add,
    revoke() {
      open = false
    },
    async settled() {
      await limited(inTurn(async () => {}))
      if (undone !== undefined) throw undone
    },
    async commit() {
      // What is restored elsewhere costs this call no round trip of its own.
      await inOrder(`RELEASE SAVEPOINT ${CANARY}`, ...(runsCompounds ? [RESTORE] : []), 'COMMIT')
      restored = runsCompounds
    },
    async restore() {
      if (!restored) await client.query(RESTORE)
    },
    async undo() {
      let whole = true
      // Statements that wait for their turn are not sent any more.
      undoing = true
      await limited(inTurn(async () => {}))
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
