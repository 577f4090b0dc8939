import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { orderFaults } from '../faults/plan.ts'
import type { Charge } from '../shop/gateway-client.ts'
import { chargesFile } from '../system/files.ts'
import { type Reply, serve } from '../system/http.ts'
import type { Started, WorkerSetup } from '../system/messages.ts'

/** Longer than the API's time-out. */
const LATE_MS = 450

/** One line of the gateway's ledger. */
export interface ChargeEntry extends Charge {
  readonly orderId: string
  readonly amountPence: number
}

/**
 * The payment gateway: an outside system with its own ledger, without onlyonce. Like Stripe it charges once per
 * `Idempotency-Key`, and every time if there is none. It is never killed; its fault is to answer late.
 */
export async function gateway({ dir, seed }: WorkerSetup): Promise<Started> {
  const ledger = openSync(chargesFile(dir), 'a')
  const byKey = new Map<string, ChargeEntry>()
  const seen = new Set<string>()
  let charges = 0

  function chargeOnce(key: string | undefined, orderId: string, amountPence: number): ChargeEntry | undefined {
    const known = key === undefined ? undefined : byKey.get(key)
    if (known !== undefined) return known.orderId === orderId && known.amountPence === amountPence ? known : undefined
    const entry = { chargeId: `ch_${++charges}`, orderId, amountPence }
    // Written to the ledger before anyone is told, in one write: the audit relies on nothing else.
    writeSync(ledger, `${JSON.stringify(entry)}\n`)
    if (key !== undefined) byKey.set(key, entry)
    return entry
  }

  const port = await serve('/charges', async (body, { headers }): Promise<Reply> => {
    const { orderId, amountPence } = body as ChargeEntry
    const entry = chargeOnce(headers['idempotency-key'] as string | undefined, orderId, amountPence)
    if (entry === undefined) return { status: 400, body: { error: 'the idempotency key was used for another charge' } }
    const first = !seen.has(orderId)
    seen.add(orderId)
    // A time-out that succeeded: the money has moved, but the caller no longer waits for the answer.
    if (first && orderFaults(seed, orderId).lateCharge) await pause(LATE_MS)
    return { status: 200, body: { chargeId: entry.chargeId } }
  })
  return { port }
}
