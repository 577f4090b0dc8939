import { OnlyonceError } from '../../core/errors.ts'

/**
 * For the caller's own transaction: an ORM's is easily given as it is, and a connection before it is awaited.
 * @throws OnlyonceError OPTION_INVALID
 */
export function checkJoined(tx: unknown, methods: readonly string[], must: string): void {
  const missing = methods.find((method) => typeof Object(tx)[method] !== 'function')
  if (missing === undefined) return
  const is = typeof Object(tx).then === 'function' ? 'this is a promise: await it' : `this has no ${missing}()`
  throw new OnlyonceError('OPTION_INVALID', `option \`tx\` must be ${must}; ${is}`)
}

/** Ends what a server's store says: its transactions are those of many libraries. */
export const OR_EXECUTOR =
  'with a transaction open on it, or what `onlyonce/executors` makes of the transaction of an ORM'
