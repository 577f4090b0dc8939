import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { isLock } from '../core/key.ts'
import type { ObservedRecord } from '../core/record.ts'
import type { StoreAtHand } from './store.ts'
import { counted } from './text.ts'
import { duration } from './time.ts'

export interface Check {
  readonly name: 'schema' | 'server' | 'records' | 'clock' | 'abandoned' | 'unknown' | 'outbox' | 'retention'
  /** `note`: worth knowing, but not wrong. */
  readonly status: 'ok' | 'note' | 'failed'
  readonly detail: string
  /** The command that fixes it. */
  readonly fix?: string
}

/** Count no further: the exact number would not change what to do. */
const COUNT_UP_TO = 1_000
/** Engines sweep at claims, so a service that is idle overnight must not fail the check. */
const SWEEP_LAG_MS = 86_400_000
const CLOCK_SKEW_MS = 1_000
/** A broker may be down for a while; messages that wait for longer are nobody's. */
const RELAY_LAG_MS = 3_600_000

/** Runs all checks. If the schema is wrong, the others are left out, because they would mean nothing. */
export async function checksOf(store: StoreAtHand, storeFlag: string): Promise<readonly Check[]> {
  const schema = await schemaCheck(store, storeFlag)
  if (schema.status === 'failed') return [schema]
  try {
    return [
      schema,
      ...(await serverChecks(store)),
      await clockCheck(store),
      await countCheck(store, 'abandoned', 'whose owner disappeared before it settled', storeFlag),
      await countCheck(store, 'unknown', 'waiting for a decision', storeFlag),
      ...(await outboxChecks(store, storeFlag)),
      await retentionCheck(store, storeFlag),
    ]
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return [schema, { name: 'records', status: 'failed', detail: `a record cannot be read: ${reasonOf(error)}` }]
  }
}

async function schemaCheck({ name, schema }: StoreAtHand, storeFlag: string): Promise<Check> {
  if (schema === undefined) return { name: 'schema', status: 'ok', detail: `the ${name} store has none` }
  const { ok, version, expected, problems, unfit } = await schema.check()
  if (ok) return { name: 'schema', status: 'ok', detail: `version ${version}` }
  const detail = problems.join('; ')
  if (unfit) return { name: 'schema', status: 'failed', detail }
  if (version > expected) return { name: 'schema', status: 'failed', detail, fix: 'npm install onlyonce@latest' }
  // The right version, but different: it was changed by hand, and no migration repairs that.
  if (version === expected) return { name: 'schema', status: 'failed', detail: `${detail}: restore it from a backup` }
  return { name: 'schema', status: 'failed', detail, fix: `npx onlyonce migrate${storeFlag}` }
}

/** Checks for settings of a server under which it may lose a claim. */
async function serverChecks({ inspect }: StoreAtHand): Promise<readonly Check[]> {
  if (inspect === undefined) return []
  const { nodes, warnings } = await inspect()
  if (warnings.length === 0)
    return [{ name: 'server', status: 'ok', detail: `${counted(nodes.length, 'master')}, nothing found` }]
  return warnings.map((detail): Check => ({ name: 'server', status: 'failed', detail }))
}

/** A clock difference is harmless, since only the store's clock judges leases, but confusing to readers of times. */
async function clockCheck(store: StoreAtHand): Promise<Check> {
  const { items } = await store.list({ limit: 1 })
  await requireReadable(store, items)
  const [record] = items
  if (record === undefined) return { name: 'clock', status: 'ok', detail: 'no record to compare clocks with' }
  const skew = record.readAt - Date.now()
  if (Math.abs(skew) <= CLOCK_SKEW_MS)
    return { name: 'clock', status: 'ok', detail: 'the store agrees with this machine' }
  const direction = skew > 0 ? 'ahead of' : 'behind'
  return {
    name: 'clock',
    status: 'note',
    detail: `the store is ${duration(skew)} ${direction} this machine; leases go by the store's`,
  }
}

async function countCheck(
  store: StoreAtHand,
  state: 'abandoned' | 'unknown',
  meaning: string,
  storeFlag: string,
): Promise<Check> {
  let found = 0
  let after: string | undefined
  do {
    const page = await store.list({ state, limit: COUNT_UP_TO, ...(after === undefined ? {} : { after }) })
    if (state === 'abandoned') await requireReadable(store, page.items)
    // Whoever asks for an abandoned lock next gets it: nobody has to decide.
    found += page.items.filter(({ scope = '' }) => !isLock({ scope })).length
    after = page.next
  } while (after !== undefined && found < COUNT_UP_TO)
  if (found === 0) return { name: state, status: 'ok', detail: `no operation ${meaning}` }
  const count = after === undefined ? counted(found, 'operation') : `more than ${found} operations`
  return {
    name: state,
    status: 'failed',
    detail: `${count} ${meaning}`,
    fix: `npx onlyonce keys ls --state ${state}${storeFlag}`,
  }
}

/** Unreadable records are listed as unknown; `find` tells them from others. @throws OnlyonceError OUTCOME_UNKNOWN */
async function requireReadable(store: StoreAtHand, items: readonly ObservedRecord[]): Promise<void> {
  const unsure = items.filter(({ result }) => result?.kind === 'unknown')
  await store.find(unsure.map(({ id }) => id))
}

/** Parked messages are never tried again, and what waits for long has no relay, or a broker that refuses it. */
async function outboxChecks({ outbox }: StoreAtHand, storeFlag: string): Promise<readonly Check[]> {
  if (outbox === undefined) return []
  const { waiting, parked, oldestMs } = await outbox.stats()
  const isLate = oldestMs > RELAY_LAG_MS
  const oldest = isLate
    ? `, the oldest for ${duration(oldestMs)}: does a relay run, and does the broker take them?`
    : ''
  const detail = `${counted(parked, 'message')} parked; ${counted(waiting, 'message')} waiting${oldest}`
  if (parked === 0 && !isLate) return [{ name: 'outbox', status: 'ok', detail }]
  return [{ name: 'outbox', status: 'failed', detail, fix: `npx onlyonce outbox ls${storeFlag}` }]
}

async function retentionCheck({ traits, schema }: StoreAtHand, storeFlag: string): Promise<Check> {
  if (traits.selfExpiring) return { name: 'retention', status: 'ok', detail: 'the store removes records by itself' }
  if (schema === undefined)
    return { name: 'retention', status: 'note', detail: 'this store cannot tell how far sweeping lags' }
  const overdue = await schema.overdue()
  const detail = `${counted(overdue.count, 'record')} past retention`
  if (overdue.oldestMs <= SWEEP_LAG_MS) return { name: 'retention', status: 'ok', detail }
  return {
    name: 'retention',
    status: 'failed',
    detail: `${detail}, the oldest for ${duration(overdue.oldestMs)}`,
    fix: `npx onlyonce sweep --all${storeFlag}`,
  }
}
