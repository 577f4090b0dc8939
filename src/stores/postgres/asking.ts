import { AsyncLocalStorage } from 'node:async_hooks'
import { backoff } from '../../core/backoff.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { sleep } from '../../core/runtime.ts'
import { msUntil, timeLimit } from '../../core/time-limit.ts'
import type { Row } from '../sql/rows.ts'
import type { PgClient } from './client.ts'
import { faultOf, isLost, isRefusing, isWithoutTables, told, wasNeverSent } from './faults.ts'
import { insideItself, type Lender, type Lent } from './lender.ts'
import { asMessenger, sendMessage } from './message.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { readable } from './reading.ts'
import type { Schema } from './schema.ts'
import { named, type Statement, type Values, writable } from './statement.ts'

/** How the verbs reach the server. */
export interface Asking {
  /**
   * Runs one statement on any connection. Rejects after `timeoutMs`; retries errors that a repetition may avoid.
   * `once`: but not after a lost answer, when the statement may have been carried out.
   */
  ask(verb: string, statement: Statement, values: Values, once?: 'once'): Promise<readonly Row[]>
  /** Lends a connection while `use` runs, which reports if it broke: `use` may throw the caller's own errors. */
  hold<T>(verb: string, use: (client: PgClient, lent: Holding) => Promise<T>): Promise<T>
  send(client: PgClient, statement: Statement, values: Values): Promise<readonly Row[]>
  /** Runs `work` so that calls made inside it can be recognised; needed only with a single connection. */
  enter<T>(transaction: { isOpen(): boolean }, work: () => Promise<T>): Promise<T>
  close(): void
}

export interface Holding {
  /** Marks the connection as broken: it is not lent again, whether `use` succeeds or not. */
  breakOff(error: Error): void
}

/** A deadlock or serialization failure undoes only the one statement, so it can be repeated. */
const MAX_TRIES = 5
/** A pooled connection may have died while idle, so one more is tried; the second loss is reported. */
const MAX_LOST = 2
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
/** Inside a transaction, a call for its connection may not be awaited there, so it waits briefly for its turn. */
const PATIENCE_INSIDE_MS = 500

export function createAsking(options: ResolvedPostgresOptions, lender: Lender, schema: Schema): Asking {
  const { runtime, timeoutMs, prepare } = options
  const inside = new AsyncLocalStorage<{ isOpen(): boolean }>()
  let closed = false

  async function borrow(verb: string, deadline: number): Promise<Lent> {
    if (closed) throw new OnlyonceError('CLOSED', `the postgres store was closed; it cannot ${verb}`)
    const left = msUntil(runtime, deadline)
    const trapped = lender.single && inside.getStore()?.isOpen() === true
    try {
      return await lender.borrow(trapped ? Math.min(left, PATIENCE_INSIDE_MS) : left)
    } catch (error) {
      throw trapped ? insideItself(verb) : error
    }
  }

  async function send(client: PgClient, statement: Statement, values: Values): Promise<readonly Row[]> {
    const messenger = asMessenger(client)
    if (messenger !== undefined) return sendMessage(messenger, [{ statement, values, prepared: prepare }])
    const given = writable(client, values)
    const asked = prepare ? client.query(named(statement, given)) : client.query(statement.text, given)
    return (await asked).rows.map(readable)
  }

  async function tried(
    verb: string,
    statement: Statement,
    values: Values,
    deadline: number,
    sending: () => void,
  ): Promise<readonly Row[]> {
    const lent = await borrow(verb, deadline)
    let broken: Error | undefined
    try {
      const silent = () => {
        broken = new Error(`no answer within ${timeoutMs} ms`)
        return broken
      }
      const answer = schema.ready(lent.client).then(() => {
        sending()
        return send(lent.client, statement, values)
      })
      return await timeLimit(runtime, answer, msUntil(runtime, deadline), silent)
    } catch (error) {
      if (isLost(error)) broken = error as Error
      if (faultOf(error) === 'no-tables') schema.forget()
      throw error
    } finally {
      lent.giveBack(broken)
    }
  }

  async function ask(verb: string, statement: Statement, values: Values, once?: 'once'): Promise<readonly Row[]> {
    const deadline = runtime.elapsed() + timeoutMs
    const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    for (let tries = 1; ; tries++) {
      let isSent = false
      const sending = () => {
        isSent = true
      }
      try {
        return await tried(verb, statement, values, deadline, sending)
      } catch (error) {
        const isInDoubt = isSent && faultOf(error) === 'lost' && !isRefusing(error) && !wasNeverSent(error)
        const most = isInDoubt && once ? 1 : (MOST_TRIES[faultOf(error)] ?? 1)
        const pause = pauseMs()
        if (tries >= most || runtime.elapsed() + pause >= deadline) throw told(options.schema, error)
        await sleep(runtime, pause)
      }
    }
  }

  return {
    // Only a single connection can deadlock with itself. Async hooks slow down every promise, so pools do without them.
    enter: (transaction, work) => (lender.single ? inside.run(transaction, work) : work()),
    ask,
    send,
    async hold(verb, use) {
      let lent: Lent
      try {
        lent = await borrow(verb, runtime.elapsed() + timeoutMs)
      } catch (error) {
        throw told(options.schema, error)
      }
      let broken: Error | undefined
      const breakOff = (error: Error) => {
        broken = error
      }
      try {
        const silent = () => new Error(`connection terminated: no answer within ${timeoutMs} ms`)
        await timeLimit(runtime, schema.ready(lent.client), timeoutMs, silent).catch((error) => {
          if (isLost(error)) breakOff(error)
          throw error
        })
        return await use(lent.client, { breakOff })
      } catch (error) {
        if (isWithoutTables(error)) schema.forget()
        throw error
      } finally {
        lent.giveBack(broken)
      }
    },
    close() {
      closed = true
    },
  }
}

const MOST_TRIES: Readonly<Partial<Record<ReturnType<typeof faultOf>, number>>> = {
  again: MAX_TRIES,
  locked: MAX_TRIES,
  lost: MAX_LOST,
}
