import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { outbox } from 'onlyonce/outbox'
import { type Audited, audit } from '../audit/audit.ts'
import { readLedgers } from '../audit/ledgers.ts'
import { createOutstanding } from '../brokers/deliveries.ts'
import { openQueue, waitingIn } from '../brokers/queue.ts'
import { openShop } from '../stores/open-shop.ts'
import { chargesFile, deliveriesFile } from '../system/files.ts'
import { CONSUMERS, type Started, type WorkerSetup } from '../system/messages.ts'
import { readOrdersFile } from '../system/orders-file.ts'

export interface AuditResult {
  readonly audited: Audited
  /** When the last change was seen. */
  readonly quietSince: number
}

const LOOK_EVERY_MS = 50
/** Longer than the gateway's slowest answer takes, so that nothing is in flight any more. */
const QUIET_MS = 1_000
/** Without any change for so long, nothing will change; the audit counts the rest as lost. */
const STUCK_MS = 20_000

/** Waits until nothing changes any more, then compares the ledgers with the orders. */
export async function auditor(setup: WorkerSetup): Promise<Started> {
  const { variant, dir } = setup
  const orders = readOrdersFile(setup.orders)
  const shop = await openShop(setup)
  const queue = openQueue(dir)
  const outstanding = createOutstanding(dir, orders.length)
  const undelivered = async () => (setup.broker === 'embedded' ? await waitingIn(queue) : outstanding())
  const messages = variant === 'onlyonce' ? outbox((await shop.books('orders')).store) : undefined

  async function inOutbox(): Promise<number> {
    if (messages === undefined) return 0
    const { waiting, parked } = await messages.stats()
    return waiting + parked
  }

  async function untilQuiet(): Promise<number> {
    let last = ''
    let since = Date.now()
    for (;;) {
      const waiting = (await undelivered()) + (await inOutbox())
      const state = [
        waiting,
        ...[chargesFile(dir), ...CONSUMERS.map((one) => deliveriesFile(dir, one))].map(sizeOf),
      ].join()
      if (state !== last) since = Date.now()
      last = state
      if (Date.now() - since >= (waiting === 0 ? QUIET_MS : STUCK_MS)) return since
      await pause(LOOK_EVERY_MS)
    }
  }

  async function wholeAudit(): Promise<AuditResult> {
    const quietSince = await untilQuiet()
    return { audited: audit(orders, await readLedgers(shop, dir, await inOutbox())), quietSince }
  }

  return { finished: wholeAudit() }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
