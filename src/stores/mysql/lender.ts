import { OnlyonceError } from '../../core/errors.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { MysqlConnection } from './client.ts'
import { isSingle, type ResolvedMysqlOptions } from './options.ts'

export interface Lent {
  readonly client: MysqlConnection
  /** Call it once. With `broken` the connection is closed: nobody knows what it is doing. */
  giveBack(broken?: Error): void
}

/** Where connections come from. */
export interface Lender {
  /** One connection for all: whoever waits inside a transaction waits for itself. */
  readonly single: boolean
  borrow(ms: number): Promise<Lent>
}

export function createLender({ pool, runtime }: ResolvedMysqlOptions): Lender {
  return {
    single: isSingle(pool),
    async borrow(ms) {
      let tooLate = false
      const connecting = pool.getConnection().then((client) => {
        // Nobody waits for it any more; not given back, it would be missing from the pool for good.
        if (tooLate) client.release()
        return {
          client,
          giveBack: (broken?: Error) => (broken === undefined ? client.release() : client.destroy()),
        }
      })
      return timeLimit(runtime, connecting, ms, () => {
        tooLate = true
        return new Error(`no connection of the pool was free, or could be opened, within ${Math.round(ms)} ms`)
      })
    },
  }
}

/** A call from inside an open transaction that needs the one connection which that transaction has. */
export function insideItself(verb: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `${verb} was called from inside an open transaction of the same mysql store, whose pool has one connection, and waited ` +
      'for it: inside it use `once.atomic(key, effect, { tx })`, or give the pool a larger `connectionLimit`',
  )
}
