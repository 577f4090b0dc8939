import { invalidOption } from '../core/options.ts'
import { isTransactional, type OutboxTable, type TransactionalStore } from '../core/store.ts'

/** @throws OnlyonceError OPTION_INVALID when the store has no outbox */
export function tableOf<Tx>(store: TransactionalStore<Tx>): OutboxTable<Tx> {
  if (typeof Object(store).claim === 'function' && isTransactional<Tx>(store) && store.outbox !== undefined)
    return store.outbox
  throw invalidOption('store', 'must be transactional: messages commit with the writes they tell of', store)
}
