import { failure } from './exit.ts'
import type { StoreAtHand } from './store.ts'

/** Returns the outbox of a store. @throws CliError for a store without one */
export function outboxOf({ name, outbox }: StoreAtHand): NonNullable<StoreAtHand['outbox']> {
  if (outbox !== undefined) return outbox
  throw failure(`the ${name} store has no outbox: name the database that your transactions run in`)
}
