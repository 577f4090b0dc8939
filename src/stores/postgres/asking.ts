import { AsyncLocalStorage } from 'node:async_hooks'
import { OnlyonceError } from '../../core/errors.ts'
import { sleep } from '../../core/runtime.ts'
import { backoff, timeLimit } from '../../core/time-limit.ts'
import type { Row } from '../sql/rows.ts'
import type { PgClient } from './client.ts'
import { faultOf, isLost, told } from './faults.ts'
import { insideItself, type Lender, type Lent } from './lender.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { readable } from './reading.ts'
import type { Schema } from './schema.ts'
import { named, type Statement, type Values } from './statement.ts'

/** How the verbs reach the server. */
export interface Asking {
  /** One statement, on any connection: refused within `timeoutMs`, and asked again where the server says that it may be. */
  ask(verb: string, statement: Statement, values: Values): Promise<readonly Row[]>
  /** A connection for as long as `use` takes, which says whether it broke: what it throws may be an error of the caller's own. */
  hold<T>(verb: string, use: (client: PgClient, lent: Holding) => Promise<T>): Promise<T>
  /** `values` as the driver takes them. A statement without a name is parsed each time. */
  send(client: PgClient, statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
  /** Whether this connection has parsed the statement, so that `EXECUTE` finds it by its name. */
  hasPrepared(client: PgClient, statement: Statement): boolean
  /** It had not after all: a pooler is in between, which renames statements or has handed out another connection. */
  neverExecute(client: PgClient): void
  /** Runs `work` so that a call from inside it is known as one, as far as promises tell. */
  enter<T>(transaction: { readonly open: boolean }, work: () => Promise<T>): Promise<T>
  close(): void
}

export interface Holding {
  /** The connection must not be used again, whatever becomes of `use`. */
  breakOff(error: Error): void
}

/** A deadlock or a serialization failure undid nothing but this statement. */
const MAX_TRIES = 5
/** A connection from the pool may have been lost while it was idle; one that is opened anew was refused. */
const MAX_LOST = 2
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
/** A call inside a transaction may be one that nobody there awaits, so it gets a moment. */
const PATIENCE_INSIDE_MS = 500

export function createAsking(options: ResolvedPostgresOptions, lender: Lender, schema: Schema): Asking {
  const { runtime, timeoutMs, prepare } = options
  const inside = new AsyncLocalStorage<{ readonly open: boolean }>()
  const prepared = new WeakMap<PgClient, Set<string>>()
  const renaming = new WeakSet<PgClient>()
  let closed = false

  async function borrow(verb: string, deadline: number): Promise<Lent> {
    if (closed) throw new OnlyonceError('CLOSED', `the postgres store was closed; it cannot ${verb}`)
    const left = Math.max(deadline - runtime.elapsed(), 0)
    const trapped = lender.single && inside.getStore()?.open === true
    try {
      return await lender.borrow(trapped ? Math.min(left, PATIENCE_INSIDE_MS) : left)
    } catch (error) {
      throw trapped ? insideItself(verb) : error
    }
  }

  async function send(client: PgClient, statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    if (!prepare || statement.name === '')
      return (await client.query(statement.text, values as unknown[])).rows.map(readable)
    const { rows } = await client.query(named(statement, values))
    const known = prepared.get(client)
    if (known === undefined) prepared.set(client, new Set([statement.name]))
    else known.add(statement.name)
    return rows.map(readable)
  }

  async function once(verb: string, statement: Statement, values: Values, deadline: number): Promise<readonly Row[]> {
    const lent = await borrow(verb, deadline)
    let broken: Error | undefined
    try {
      const silent = () => {
        broken = new Error(`no answer within ${timeoutMs} ms`)
        return broken
      }
      const answer = schema.ready(lent.client).then(() => send(lent.client, statement, values))
      return await timeLimit(runtime, answer, deadline - runtime.elapsed(), silent)
    } catch (error) {
      if (isLost(error)) broken = error as Error
      if (faultOf(error) === 'no-tables') schema.forget()
      throw error
    } finally {
      lent.giveBack(broken)
    }
  }

  async function ask(verb: string, statement: Statement, values: Values): Promise<readonly Row[]> {
    const deadline = runtime.elapsed() + timeoutMs
    const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    for (let tries = 1; ; tries++) {
      try {
        return await once(verb, statement, values, deadline)
      } catch (error) {
        const most = MOST_TRIES[faultOf(error)] ?? 1
        const pause = pauseMs()
        if (tries >= most || runtime.elapsed() + pause >= deadline) throw told(options.schema, error)
        await sleep(runtime, pause)
      }
    }
  }

  return {
    // Only one connection can wait for itself. Async hooks slow down every promise of a process, so others do without.
    enter: (transaction, work) => (lender.single ? inside.run(transaction, work) : work()),
    ask,
    send,
    hasPrepared: (client, { name }) => !renaming.has(client) && prepared.get(client)?.has(name) === true,
    neverExecute: (client) => void renaming.add(client),
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
