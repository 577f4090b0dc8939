import { relay } from 'onlyonce/outbox'
import { sqliteStore } from 'onlyonce/sqlite'
import { openBroker } from '../broker/broker.ts'
import { ordersDb } from '../system/files.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/** Publishes what the API wrote into its outbox. Its name is its own across restarts, so it need not wait for a lease. */
export async function relayRole({ dir }: WorkerSetup): Promise<Started> {
  const store = sqliteStore({ path: ordersDb(dir), durability: 'normal', migrate: 'auto' })
  const { publish } = openBroker(dir)
  relay({ store, publish, name: 'relay', pollMs: 25 }).start()
  return {}
}
