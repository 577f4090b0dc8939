import { reasonOf } from '../../core/errors.ts'
import type { PgClient } from './client.ts'

/** Rolls back what `error` stopped. @throws a lost-connection error if that fails: the transaction may still be open */
export async function rollback(client: PgClient, error: unknown): Promise<void> {
  try {
    await client.query('ROLLBACK')
  } catch (cause) {
    const reasons = `${reasonOf(error)}; then its ROLLBACK failed: ${reasonOf(cause)}`
    throw new Error(`connection terminated, since a transaction may be open on it (${reasons})`, { cause })
  }
}
