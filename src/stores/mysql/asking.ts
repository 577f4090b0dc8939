import { AsyncLocalStorage } from 'node:async_hooks'
import { backoff } from '../../core/backoff.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { sleep } from '../../core/runtime.ts'
import { msUntil, timeLimit } from '../../core/time-limit.ts'
import type { Row } from '../sql/rows.ts'
import { type Header, IN_TRANSACTION, type MysqlConnection } from './client.ts'
import { faultOf, isLost, mayHaveRun, told } from './faults.ts'
import { insideItself, type Lender, type Lent } from './lender.ts'
import type { ResolvedMysqlOptions } from './options.ts'
import type { Schema } from './schema.ts'

/** Sends the statements of one verb on one connection. */
export interface Sender {
  /** Prepared on its first use by each connection; values never become part of the text. */
  rows(sql: string, values: readonly string[]): Promise<readonly Row[]>
  write(sql: string, values: readonly string[]): Promise<Header>
  /** A statement without values, which is not worth preparing. */
  plain(sql: string): Promise<readonly Row[]>
}

/** How verbs borrow connections and talk to the server. */
export interface Asking {
  /** The server's `max_allowed_packet`. Known once a connection is ready, so inside `ask` and `hold`. */
  readonly maxPacketBytes: number
  /**
   * Runs `work` on one connection, within `timeoutMs` in all. Restarts it after faults that allow that, so everything
   * in `work` must be repeatable. `once`: not after a lost answer, when `work` may have been carried out.
   */
  ask<T>(verb: string, work: (send: Sender) => Promise<T>, once?: 'once'): Promise<T>
  /** Lends a connection until `use` settles. A broken connection is destroyed, not returned to the pool. */
  hold<T>(verb: string, use: (client: MysqlConnection, lent: Holding) => Promise<T>): Promise<T>
  /** Runs `work` so that calls from inside it are recognised by their async context. */
  enter<T>(transaction: { isOpen(): boolean }, work: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Holding {
  /** Marks the connection as broken, so that it is not used again. */
  breakOff(error: Error): void
  /** Sets the work to do on the connection before it goes back to the pool; `hold` does not wait for it. */
  tidy(work: () => Promise<unknown>): void
}

const MOST_TRIES: Readonly<Partial<Record<ReturnType<typeof faultOf>, number>>> = {
  again: 10,
  locked: 5,
  // A connection of the pool may have been lost while idle; the next one may be a new one.
  lost: 3,
}
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
/** How long a call from inside a transaction waits for the only connection: the effect may not be awaiting it. */
const PATIENCE_INSIDE_MS = 500

export function createAsking(options: ResolvedMysqlOptions, lender: Lender, schema: Schema): Asking {
  const { runtime, timeoutMs, database } = options
  const inside = new AsyncLocalStorage<{ isOpen(): boolean }>()
  const tidying = new Set<Promise<unknown>>()
  let closed = false

  async function borrow(verb: string, deadline: number): Promise<Lent> {
    if (closed) throw new OnlyonceError('CLOSED', `the mysql store was closed; it cannot ${verb}`)
    const left = msUntil(runtime, deadline)
    const trapped = lender.single && inside.getStore()?.isOpen() === true
    try {
      return await lender.borrow(trapped ? Math.min(left, PATIENCE_INSIDE_MS) : left)
    } catch (error) {
      throw trapped ? insideItself(verb) : error
    }
  }

  async function tried<T>(
    verb: string,
    work: (send: Sender) => Promise<T>,
    deadline: number,
    begun: (has: boolean) => void,
  ): Promise<T> {
    const lent = await borrow(verb, deadline)
    let broken: Error | undefined
    try {
      const silent = () => {
        broken = new Error(`no answer within ${timeoutMs} ms`)
        return broken
      }
      const send = senderOf(lent.client)
      const answer = schema.ready(lent.client).then(() => {
        begun(true)
        return work(send)
      })
      const value = await timeLimit(runtime, answer, msUntil(runtime, deadline), silent)
      if (send.isOpen()) {
        begun(false)
        throw leftOpen()
      }
      return value
    } catch (error) {
      if (isLost(error)) broken ??= error as Error
      // The next connection may lead to another server, or have other settings.
      if (isLost(error) || faultOf(error) === 'no-tables') schema.forget()
      throw error
    } finally {
      lent.giveBack(broken)
    }
  }

  return {
    get maxPacketBytes() {
      return schema.server.maxPacketBytes
    },
    // Only with a single connection can a call wait for itself. Async hooks slow down promises, so other pools skip it.
    enter: (transaction, work) => (lender.single ? inside.run(transaction, work) : work()),
    async ask(verb, work, once) {
      const deadline = runtime.elapsed() + timeoutMs
      const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
      for (let tries = 1; ; tries++) {
        let hasBegun = false
        const begun = (has: boolean) => {
          hasBegun = has
        }
        try {
          return await tried(verb, work, deadline, begun)
        } catch (error) {
          const isInDoubt = hasBegun && mayHaveRun(error)
          const most = isInDoubt && once ? 1 : (MOST_TRIES[faultOf(error)] ?? 1)
          const pause = pauseMs()
          if (tries >= most || runtime.elapsed() + pause >= deadline) throw told(database, error)
          await sleep(runtime, pause)
        }
      }
    },
    async hold(verb, use) {
      let lent: Lent
      try {
        lent = await borrow(verb, runtime.elapsed() + timeoutMs)
      } catch (error) {
        throw told(database, error)
      }
      let broken: Error | undefined
      let last: (() => Promise<unknown>) | undefined
      const breakOff = (error: Error) => {
        broken = error
      }
      const tidy = (work: () => Promise<unknown>) => {
        last = work
      }
      try {
        await timeLimit(runtime, schema.ready(lent.client), timeoutMs, () => {
          broken = new Error(`no answer within ${timeoutMs} ms`)
          return broken
        }).catch((error) => {
          throw told(database, error)
        })
        return await use(lent.client, { breakOff, tidy })
      } catch (error) {
        if (isLost(error)) {
          broken ??= error as Error
          schema.forget()
        }
        throw error
      } finally {
        if (broken !== undefined || last === undefined) lent.giveBack(broken)
        else giveBackAfter(lent, last)
      }
    },
    async close() {
      closed = true
      await Promise.all(tidying)
    },
  }

  function giveBackAfter(lent: Lent, last: () => Promise<unknown>): void {
    const silent = () => new Error(`no answer within ${timeoutMs} ms`)
    const done = timeLimit(runtime, last(), timeoutMs, silent).then(
      () => lent.giveBack(),
      (error) => lent.giveBack(error as Error),
    )
    tidying.add(done)
    void done.finally(() => tidying.delete(done))
  }
}

/** `isOpen`: whether what was written last is part of a transaction that is still open, and so not committed. */
export function senderOf(client: MysqlConnection): Sender & { isOpen(): boolean } {
  let status = 0
  function noted<Answer>(answer: Answer): Answer {
    status = (Object(answer) as Partial<Header>).serverStatus ?? status
    return answer
  }
  return {
    rows: async (sql, values) => (await client.execute(sql, [...values]))[0] as readonly Row[],
    write: async (sql, values) => noted((await client.execute(sql, [...values]))[0] as Header),
    plain: async (sql) => noted((await client.query(sql))[0] as readonly Row[]),
    isOpen: () => (status & IN_TRANSACTION) !== 0,
  }
}

/** Fatal, so that the connection is closed, which undoes the transaction, and another one is tried. */
function leftOpen(): Error {
  const message =
    'somebody gave a connection back to the pool in the middle of a transaction, or with autocommit off, so nothing written ' +
    'on it was committed, and it was closed: end a transaction before you release its connection'
  return Object.assign(new Error(message), { fatal: true })
}
