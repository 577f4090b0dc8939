import { openBroker, withFaults } from '../broker/broker.ts'
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
  } else if (name === 'fulfilment') {
    const { completeOrders } = await import('../shop/onlyonce/complete-orders.ts')
    await completeOrders(queue, dir)
  } else {
    const { handlePaidOrders } = await import('../shop/onlyonce/handle-paid-orders.ts')
    await handlePaidOrders(queue, name, dir)
  }
  return {}
}
