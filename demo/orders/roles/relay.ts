import { relay } from 'onlyonce/outbox'
import { openBroker } from '../brokers/open-broker.ts'
import { createPayments } from '../shop/onlyonce/payment.ts'
import { openShop } from '../stores/open-shop.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/**
 * What nobody waits for: publishes what the API wrote into its outbox, under a name that is its own across restarts, so
 * that it need not wait for a lease; and ends the payments that were left behind.
 */
export async function relayRole(setup: WorkerSetup): Promise<Started> {
  const shop = await openShop(setup)
  const { store } = await shop.books('orders')
  const publish = await (await openBroker(setup)).publisher()
  relay({ store, publish, name: 'relay', pollMs: 25 }).start()
  const payments = await createPayments(shop, setup.gatewayPort)
  payments.complete()
  return {}
}
