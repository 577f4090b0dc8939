import { OnlyonceError } from '../../core/errors.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { MysqlConnection } from './client.ts'
import { isSingle, type ResolvedMysqlOptions } from './options.ts'

export interface Lent {
  readonly client: MysqlConnection
  /** Call once. With `broken` the connection is destroyed, because its state is unknown. */
  giveBack(broken?: Error): void
}

/** Lends the connections of the pool. */
export interface Lender {
  /** The pool has one connection, so a call that waits for it inside a transaction waits for itself. */
  readonly single: boolean
  borrow(ms: number): Promise<Lent>
}

export function createLender({ pool, runtime }: ResolvedMysqlOptions): Lender {
  return {
    single: isSingle(pool),
    async borrow(ms) {
      let tooLate = false
      const connecting = pool.getConnection().then((client) => {
        // The caller has timed out; the connection must go back to the pool, which would lack it for good.
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

/** A call from inside an open transaction needs the only connection, which that transaction holds. */
export function insideItself(verb: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `${verb} was called from inside an open transaction of the same mysql store, whose pool has one connection, and waited ` +
      'for it: inside it use `once.atomic(key, effect, { tx })`, or give the pool a larger `connectionLimit`',
  )
}
