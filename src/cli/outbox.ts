import { isTransactional, type OutboxTable, type Store } from '../core/store.ts'
import { failure } from './exit.ts'

/** @throws CliError for a store that has none */
export function outboxOf(store: Store): OutboxTable<unknown> {
  if (isTransactional<unknown>(store)) return store.outbox
  throw failure(`the ${store.name} store has no outbox: name the database that your transactions run in`)
}
