import type { PgClient } from './client.ts'

/** `T`: in a transaction, `E`: in one that has failed, as the server says each time that it is ready. */
const OPEN: readonly unknown[] = ['T', 'E']

/** Older versions of pg do not tell, but their connection does: what the server said last on it. */
const heard = new WeakMap<object, unknown>()

/**
 * Whether somebody gave the connection back to the pool in the middle of a transaction. With an older pg nobody knows it
 * of a connection that is asked about for the first time.
 */
export function wasLeftOpen(client: PgClient): boolean {
  const { getTransactionStatus, connection, native } = client as Partial<Telling>
  const tells = native === undefined || typeof native.getTransactionStatus === 'function'
  if (tells && typeof getTransactionStatus === 'function') {
    return OPEN.includes(getTransactionStatus.call(client))
  }
  if (typeof connection?.on !== 'function') return false
  // By connection: a pool that wraps its clients may lend another object each time.
  if (!heard.has(connection)) {
    heard.set(connection, undefined)
    connection.on('readyForQuery', ({ status }) => heard.set(connection, status))
  }
  return OPEN.includes(heard.get(connection))
}

interface Telling {
  getTransactionStatus(): unknown
  readonly connection: { on?(event: 'readyForQuery', listener: (message: { readonly status?: unknown }) => void): void }
  readonly native: { getTransactionStatus?: unknown }
}
