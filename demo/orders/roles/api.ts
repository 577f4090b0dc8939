import { OnlyonceError } from 'onlyonce'
import type { Order } from '../order.ts'
import { ChargeFailed } from '../shop/gateway-client.ts'
import type { PlaceOrder } from '../shop/place-order.ts'
import { openShop } from '../stores/open-shop.ts'
import { type Reply, serve } from '../system/http.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/** The order API: `POST /orders`. The same server in both runs; what an order does is all that differs. */
export async function api(setup: WorkerSetup): Promise<Started> {
  const placeOrder =
    setup.variant === 'onlyonce'
      ? await protectedPlaceOrder(setup)
      : await (await import('../shop/unprotected/place-order.ts')).createPlaceOrder(setup)

  const port = await serve('/orders', async (body, headers): Promise<Reply> => {
    const key = decodeURIComponent(String(headers['idempotency-key'] ?? ''))
    try {
      return { status: 200, body: await placeOrder(body as Order, key) }
    } catch (error) {
      return { status: statusOf(error), body: { error: (error as Error).message } }
    }
  })
  return { port }
}

async function protectedPlaceOrder(setup: WorkerSetup): Promise<PlaceOrder> {
  const { createPlaceOrder } = await import('../shop/onlyonce/place-order.ts')
  return createPlaceOrder(await openShop(setup), setup.gatewayPort)
}

function statusOf(error: unknown): number {
  if (error instanceof ChargeFailed) return 502
  if (!OnlyonceError.is(error)) return 500
  if (error.code === 'IN_FLIGHT') return 409
  if (error.code === 'KEY_REUSED') return 422
  return error.retryable ? 503 : 500
}
