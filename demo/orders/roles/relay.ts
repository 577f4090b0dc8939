import { relay } from 'onlyonce/outbox'
import { openBroker } from '../broker/broker.ts'
import { openShop } from '../stores/open-shop.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/** Publishes what the API wrote into its outbox. Its name is its own across restarts, so it need not wait for a lease. */
export async function relayRole(setup: WorkerSetup): Promise<Started> {
  const { store } = await (await openShop(setup)).books('orders')
  const { publish } = openBroker(setup.dir)
  relay({ store, publish, name: 'relay', pollMs: 25 }).start()
  return {}
}
