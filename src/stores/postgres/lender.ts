import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { createMutex } from '../../embedded/mutex.ts'
import type { PgClient, PgPool, PgPoolClient } from './client.ts'
import { isReadOnly } from './faults.ts'
import type { ResolvedPostgresOptions } from './options.ts'

export interface Lent {
  readonly client: PgClient
  /** Call it once. With `broken` the connection is not lent again: nobody knows what it is doing. */
  giveBack(broken?: Error): void
}

/** Where connections come from. */
export interface Lender {
  /** One connection for all: whoever waits inside a transaction waits for itself. */
  readonly single: boolean
  borrow(ms: number): Promise<Lent>
  close(): void
}

export function createLender(options: ResolvedPostgresOptions): Lender {
  const { source } = options
  return 'pool' in source ? fromPool(source.pool, options) : fromClient(source.client, options)
}

/** A connection that is lost tells so by an event, and an `error` event that nobody hears ends the process. */
const ignore = () => {}

function fromPool(pool: PgPool, { runtime }: ResolvedPostgresOptions): Lender {
  pool.on?.('error', ignore)

  function lend(client: PgPoolClient): Lent {
    client.on?.('error', ignore)
    return {
      client,
      giveBack(broken) {
        client.release(broken)
        // After the release: from then on the pool listens itself, and a closed one may still have something to say.
        if (broken === undefined) client.removeListener?.('error', ignore)
      },
    }
  }

  return {
    single: pool.options?.max === 1,
    async borrow(ms) {
      let tooLate = false
      const connecting = pool.connect().then((client) => {
        const lent = lend(client)
        // Nobody waits for it any more; not given back, it would be missing from the pool for good.
        if (tooLate) lent.giveBack()
        return lent
      })
      return timeLimit(runtime, connecting, ms, () => {
        tooLate = true
        return new Error(`no connection of the pool was free, or could be opened, within ${Math.round(ms)} ms`)
      })
    },
    close: () => void pool.removeListener?.('error', ignore),
  }
}

function fromClient(client: PgClient, { runtime }: ResolvedPostgresOptions): Lender {
  const mutex = createMutex(runtime)
  let unusable: Error | undefined
  client.on?.('error', ignore)
  return {
    single: true,
    async borrow(ms) {
      const release = await mutex.acquire(ms, () => new Error(`the client was in use for ${Math.round(ms)} ms`))
      if (unusable !== undefined) {
        release()
        throw clientBroke(unusable)
      }
      return {
        client,
        giveBack(broken) {
          // A server that is read-only may be so for a while, and there is no other connection to turn to.
          if (broken !== undefined && !isReadOnly(broken)) unusable = broken
          release()
        },
      }
    },
    close: () => void client.removeListener?.('error', ignore),
  }
}

/** Its transaction may still be open, and what comes next would be part of it. */
function clientBroke(cause: Error): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the client of the postgres store broke earlier (${reasonOf(cause)}), and nobody knows what its connection is doing: ` +
      'end it, connect another client and open a new store on that',
    { cause },
  )
}

/** A call from inside an open transaction that needs the one connection which that transaction has. */
export function insideItself(verb: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `${verb} was called from inside an open transaction of the same postgres store, which has one connection, and waited ` +
      'for it: inside it use `once.atomic(key, effect, { tx })`, or give the pool a larger `max`',
  )
}
