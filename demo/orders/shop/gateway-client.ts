import { post } from '../system/http.ts'

export interface ChargeRequest {
  readonly orderId: string
  readonly amountPence: number
  /** The gateway charges once per key. Without a key it charges every time. */
  readonly idempotencyKey?: string
}

export interface Charge {
  readonly chargeId: string
}

/** The gateway did not confirm. It is unknown whether the customer was charged. */
export class ChargeFailed extends Error {
  override readonly name = 'ChargeFailed'
}

/** The time-out of the API's call; the gateway's late answers come after it. */
const TIMEOUT_MS = 250

/** @throws ChargeFailed */
export async function charge(port: number, { orderId, amountPence, idempotencyKey }: ChargeRequest): Promise<Charge> {
  const headers: Record<string, string> = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
  const body = { orderId, amountPence }
  try {
    const reply = await post({ port, path: '/charges', headers, body, timeoutMs: TIMEOUT_MS })
    if (reply.status === 200) return reply.body as Charge
    throw new ChargeFailed(`the gateway answered ${reply.status}`)
  } catch (error) {
    throw error instanceof ChargeFailed ? error : new ChargeFailed((error as Error).message, { cause: error })
  }
}
