import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { outbox } from 'onlyonce/outbox'
import { sqliteStore } from 'onlyonce/sqlite'
import { type Audited, audit } from '../audit/audit.ts'
import { readLedgers } from '../audit/ledgers.ts'
import { openBroker, waitingIn } from '../broker/broker.ts'
import { chargesFile, deliveriesFile, ordersDb } from '../system/files.ts'
import { CONSUMERS, type Started, type WorkerSetup } from '../system/messages.ts'
import { readOrdersFile } from '../system/orders-file.ts'

export interface AuditResult {
  readonly audited: Audited
  /** When the last thing moved. */
  readonly quietSince: number
}

const LOOK_EVERY_MS = 50
/** Longer than the gateway's latest answer takes, so that nothing is under way any more. */
const QUIET_MS = 1_000
/** What has not moved for so long never will; the audit shows it as lost. */
const STUCK_MS = 20_000

/** Waits until nothing moves, then holds the ledgers against the orders. */
export async function auditor({ variant, dir, orders: file }: WorkerSetup): Promise<Started> {
  const orders = readOrdersFile(file)
  const broker = openBroker(dir)
  const messages = outbox(sqliteStore({ path: ordersDb(dir), durability: 'normal', migrate: 'auto' }))

  async function inOutbox(): Promise<number> {
    if (variant !== 'onlyonce') return 0
    const { waiting, parked } = await messages.stats()
    return waiting + parked
  }

  async function untilQuiet(): Promise<number> {
    let last = ''
    let since = Date.now()
    for (;;) {
      const waiting = (await waitingIn(broker)) + (await inOutbox())
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
    return { audited: audit(orders, await readLedgers(dir, await inOutbox())), quietSince }
  }

  return { finished: wholeAudit() }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
