import { reasonOf } from '../../core/errors.ts'
import type { PgClient } from './client.ts'

/** Undoes what `error` has stopped. @throws what says that the connection is of no use, when nobody knows whether it was undone */
export async function rollback(client: PgClient, error: unknown): Promise<void> {
  try {
    await client.query('ROLLBACK')
  } catch (cause) {
    const reasons = `${reasonOf(error)}; then its ROLLBACK failed: ${reasonOf(cause)}`
    throw new Error(`connection terminated, since a transaction may be open on it (${reasons})`, { cause })
  }
}
