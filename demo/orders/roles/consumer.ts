import { openBroker, withFaults } from '../broker/broker.ts'
import { openShop } from '../stores/open-shop.ts'
import type { Consumer, Started, WorkerSetup } from '../system/messages.ts'
import { createProgress } from '../system/progress.ts'

/** Handles the messages about paid orders in the way of its run. */
export async function consumer(setup: WorkerSetup): Promise<Started> {
  const { dir, seed } = setup
  const name = setup.role as Consumer
  const progress = createProgress()
  const queue = withFaults(openBroker(dir), { dir, seed, consumer: name, onFirst: progress.add })
  if (setup.variant === 'unprotected') {
    const { handlePaidOrders } = await import('../shop/unprotected/handle-paid-orders.ts')
    await handlePaidOrders(queue, name, dir)
    return {}
  }
  const shop = await openShop(setup)
  if (name === 'fulfilment') {
    const { completeOrders } = await import('../shop/onlyonce/complete-orders.ts')
    await completeOrders(queue, shop)
  } else if (shop.records === undefined) {
    const { handleTogether } = await import('../shop/onlyonce/handle-together.ts')
    await handleTogether(queue, name, shop)
  } else {
    const { handleApart } = await import('../shop/onlyonce/handle-apart.ts')
    await handleApart(queue, name, shop, shop.records)
  }
  return {}
}
