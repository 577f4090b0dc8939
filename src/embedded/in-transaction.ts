/**
 * What the driver says: node:sqlite has `isTransaction` (from 22.16), other drivers `inTransaction`; undefined without
 * either, and of a closed connection: libsql ends the process when it is asked, node:sqlite throws.
 */
export function saysInTransaction(db: object): boolean | undefined {
  const { open, isOpen } = db as { readonly open?: unknown; readonly isOpen?: unknown }
  if (open === false || isOpen === false) return undefined
  const { isTransaction, inTransaction } = db as { readonly isTransaction?: unknown; readonly inTransaction?: unknown }
  if (typeof isTransaction === 'boolean') return isTransaction
  return typeof inTransaction === 'boolean' ? inTransaction : undefined
}
