import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { createMutex } from '../../core/mutex.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { PgClient, PgPool, PgPoolClient } from './client.ts'
import { isRefusing } from './faults.ts'
import { wasLeftOpen } from './left-open.ts'
import type { ResolvedPostgresOptions } from './options.ts'

export interface Lent {
  readonly client: PgClient
  /** Call it once. With `broken` the connection is not lent again, because its state is unknown. */
  giveBack(broken?: Error): void
}

/** Lends connections, from a pool or one client. */
export interface Lender {
  /** There is only one connection: a call that waits for it inside a transaction waits for itself. */
  readonly single: boolean
  borrow(ms: number): Promise<Lent>
  /** Lends a connection that is kept for long. @throws Error when as many are kept as the pool can spare */
  borrowToListen(ms: number): Promise<Lent>
  close(): void
}

export function createLender(options: ResolvedPostgresOptions): Lender {
  const { source } = options
  return 'pool' in source ? fromPool(source.pool, options) : fromClient(source.client, options)
}

/** A lost connection emits `error`, and an `error` event without a listener ends the process. */
const ignore = () => {}

/**
 * pg.Pool stops listening when it lends a connection, and who borrowed it learns of that in a later microtask. A new
 * one may tell in between, in the piece of data that made it ready, that the server is shutting down.
 */
const bridge = (client: unknown) => {
  const { on, removeListener } = Object(client) as PgClient
  on?.call(client, 'error', ignore)
  setImmediate(() => removeListener?.call(client, 'error', ignore))
}

/** How many stores use a pool. They share their listeners: Node.js warns of a leak above ten listeners. */
const sharing = new WeakMap<PgPool, number>()

function share(pool: PgPool): void {
  const others = sharing.get(pool) ?? 0
  sharing.set(pool, others + 1)
  if (others > 0) return
  pool.on?.('error', ignore)
  pool.on?.('connect', bridge)
}

function leave(pool: PgPool): void {
  const others = (sharing.get(pool) ?? 1) - 1
  sharing.set(pool, others)
  if (others > 0) return
  pool.removeListener?.('error', ignore)
  pool.removeListener?.('connect', bridge)
}

/** How many connections of a pool listen, for whatever store. They leave half of it to those who ask. */
const listening = new WeakMap<PgPool, number>()

function fromPool(pool: PgPool, { runtime }: ResolvedPostgresOptions): Lender {
  const mostListening = Math.max(Math.floor((pool.options?.max ?? 2) / 2), 1)
  share(pool)

  function lend(client: PgPoolClient): Lent {
    client.on?.('error', ignore)
    return {
      client,
      giveBack(broken) {
        client.release(broken)
        // After the release, because from then on the pool listens. A broken client keeps it: it may still emit errors.
        if (broken === undefined) client.removeListener?.('error', ignore)
      },
    }
  }

  async function borrow(ms: number): Promise<Lent> {
    let tooLate = false
    /** What is written in a transaction that nobody commits is lost, and a COMMIT of ours would commit all of it. */
    async function endLeftOpen(lent: Lent): Promise<Lent> {
      try {
        const silent = () => new Error(`connection terminated: no answer within ${Math.round(ms)} ms`)
        await timeLimit(runtime, lent.client.query('ROLLBACK'), ms, silent)
      } catch (error) {
        lent.giveBack(error as Error)
        throw error
      }
      if (tooLate) lent.giveBack()
      return lent
    }
    const connecting = pool.connect().then((client) => {
      const lent = lend(client)
      // The borrower has timed out. Without this the connection would never return to the pool.
      if (tooLate) lent.giveBack()
      return !tooLate && wasLeftOpen(client) ? endLeftOpen(lent) : lent
    })
    return timeLimit(runtime, connecting, ms, () => {
      tooLate = true
      return new Error(`no connection of the pool was free, or could be opened, within ${Math.round(ms)} ms`)
    })
  }

  function countListening(change: 1 | -1): void {
    listening.set(pool, (listening.get(pool) ?? 0) + change)
  }

  return {
    single: pool.options?.max === 1,
    borrow,
    async borrowToListen(ms) {
      if ((listening.get(pool) ?? 0) >= mostListening) throw new Error('half of the pool listens already')
      countListening(1)
      try {
        const { client, giveBack } = await borrow(ms)
        return {
          client,
          giveBack(broken) {
            countListening(-1)
            giveBack(broken)
          },
        }
      } catch (error) {
        countListening(-1)
        throw error
      }
    },
    close: () => leave(pool),
  }
}

function fromClient(client: PgClient, { runtime }: ResolvedPostgresOptions): Lender {
  const mutex = createMutex(runtime)
  let unusable: Error | undefined
  client.on?.('error', ignore)

  async function borrow(ms: number): Promise<Lent> {
    const release = await mutex.acquire(ms, () => new Error(`the client was in use for ${Math.round(ms)} ms`))
    if (unusable !== undefined) {
      release()
      throw clientBroke(unusable)
    }
    if (wasLeftOpen(client) && (await isLeftOpen(ms))) {
      release()
      throw clientInUse()
    }
    return {
      client,
      giveBack(broken) {
        // A read-only server may become writable again, other statements work, and there is no other connection to use.
        if (broken !== undefined && !isRefusing(broken)) unusable = broken
        release()
      },
    }
  }

  /** Asked again after an answer, because the COMMIT may be under way. */
  async function isLeftOpen(ms: number): Promise<boolean> {
    const asked = client.query('SELECT').catch(() => {})
    await timeLimit(runtime, asked, ms, () => new Error('no answer')).catch(() => {})
    return wasLeftOpen(client)
  }

  return {
    single: true,
    borrow,
    borrowToListen: () => Promise.reject(new Error('the only connection is needed for other things')),
    close: () => void client.removeListener?.('error', ignore),
  }
}

/** The client's transaction may still be open, and later statements would join it. */
function clientBroke(cause: Error): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the client of the postgres store broke earlier (${reasonOf(cause)}), and nobody knows what its connection is doing: ` +
      'end it, connect another client and open a new store on that',
    { cause },
  )
}

/** What the store wrote would be undone with that transaction, though it was answered. */
function clientInUse(): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    'the client of the postgres store is in a transaction that was begun beside the store, and nothing was asked on it: join that ' +
      'transaction with `once.atomic(key, effect, { tx: client })`, or give the store a client of its own',
  )
}

/** The error of a call inside an open transaction that needs the connection which this transaction occupies. */
export function insideItself(verb: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `${verb} was called from inside an open transaction of the same postgres store, which has one connection, and waited ` +
      'for it: inside it use `once.atomic(key, effect, { tx })`, or give the pool a larger `max`',
  )
}
