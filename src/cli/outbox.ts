import { failure } from './exit.ts'
import type { StoreAtHand } from './store.ts'

/** @throws CliError for a store that has none */
export function outboxOf({ name, outbox }: StoreAtHand): NonNullable<StoreAtHand['outbox']> {
  if (outbox !== undefined) return outbox
  throw failure(`the ${name} store has no outbox: name the database that your transactions run in`)
}
