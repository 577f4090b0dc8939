import { OnlyonceError, onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

export async function charge(order: { id: string; amount: number }): Promise<{ receipt: string }> {
  const once = onlyonce({ store: memoryStore(), scope: 'payments' })
  try {
    const result = await once({ key: order.id, payload: order }, async () => ({ receipt: `r-${order.id}` }))
    const receipt: string = result.receipt
    return { receipt }
  } catch (error) {
    if (OnlyonceError.is(error) && error.code === 'IN_FLIGHT') return { receipt: 'later' }
    throw error
  } finally {
    await once.close()
  }
}

// @ts-expect-error scope has no default: two tenants never share by accident
onlyonce({ store: memoryStore() })
