import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import { isTransactional, type OutboxTable, type TransactionalStore } from '../core/store.ts'

/** @throws OnlyonceError OPTION_INVALID when the store has no outbox */
export function tableOf<Tx>(store: TransactionalStore<Tx>): OutboxTable<Tx> {
  const isStore = typeof Object(store).claim === 'function'
  if (isStore && isTransactional<Tx>(store) && store.outbox !== undefined) return store.outbox
  const given = isStore ? `the ${store.name} store` : quote(store)
  const rule = 'option `store` must be transactional: messages commit with the writes they tell of'
  throw new OnlyonceError('OPTION_INVALID', `${rule}; got ${given}`)
}
