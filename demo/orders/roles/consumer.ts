import { openBroker } from '../brokers/open-broker.ts'
import { openQueue, withFaults } from '../brokers/queue.ts'
import { openShop } from '../stores/open-shop.ts'
import type { Consumer, Started, WorkerSetup } from '../system/messages.ts'
import { createProgress } from '../system/progress.ts'

/** Handles the messages about paid orders, in the variant of its run. */
export async function consumer(setup: WorkerSetup): Promise<Started> {
  const { dir, seed } = setup
  const name = setup.role as Consumer
  const inFile = () => withFaults(openQueue(dir), { dir, seed, consumer: name, onFirst: createProgress().add })
  if (setup.variant === 'unprotected') {
    const { handlePaidOrders } = await import('../shop/unprotected/handle-paid-orders.ts')
    await handlePaidOrders(inFile(), name, dir)
    return {}
  }
  const shop = await openShop(setup)
  if (name === 'fulfilment' && setup.broker === 'embedded') {
    const { completeOrders } = await import('../shop/onlyonce/complete-orders.ts')
    await completeOrders(inFile(), shop)
  } else if (shop.records === undefined) {
    const { handleTogether } = await import('../shop/onlyonce/handle-together.ts')
    await handleTogether(await openBroker(setup), name, shop)
  } else {
    const { handleApart } = await import('../shop/onlyonce/handle-apart.ts')
    await handleApart(await openBroker(setup), name, shop, shop.records)
  }
  return {}
}
