import { relay } from 'onlyonce/outbox'
import { openBroker } from '../brokers/open-broker.ts'
import { createPayments } from '../shop/onlyonce/payment.ts'
import { openShop } from '../stores/open-shop.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/**
 * The work in the background: publishes what the API wrote to the outbox, under a name that survives restarts, so that
 * it need not wait for its own old lease; and completes the payments that were abandoned.
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
