import type { Order } from '../order.ts'
import { ChargeFailed } from '../shop/gateway-client.ts'
import type { OrderDesk } from '../shop/place-order.ts'
import { openShop } from '../stores/open-shop.ts'
import { type Reply, serve } from '../system/http.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/** The order API: `POST /orders`. The same server in both runs; the protected one has the guard in front of it. */
export async function api(setup: WorkerSetup): Promise<Started> {
  const { placeOrder, guard } = await openDesk(setup)
  const port = await serve(
    '/orders',
    async (body): Promise<Reply> => {
      try {
        return { status: 200, body: await placeOrder(body as Order) }
      } catch (error) {
        // These answers are not recorded: the customer asks again with the same key.
        return { status: error instanceof ChargeFailed ? 502 : 500, body: { error: (error as Error).message } }
      }
    },
    guard,
  )
  return { port }
}

async function openDesk(setup: WorkerSetup): Promise<OrderDesk> {
  if (setup.variant === 'onlyonce') {
    const { createOrderDesk } = await import('../shop/onlyonce/place-order.ts')
    return createOrderDesk(await openShop(setup), setup.gatewayPort)
  }
  const { createPlaceOrder } = await import('../shop/unprotected/place-order.ts')
  return { placeOrder: await createPlaceOrder(setup) }
}
