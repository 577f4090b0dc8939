import { OnlyonceError, reasonOf } from '../core/errors.ts'
import type { ObservedRecord } from '../core/record.ts'
import type { StoreAtHand } from './store.ts'
import { counted } from './text.ts'
import { duration } from './time.ts'

export interface Check {
  readonly name: 'schema' | 'server' | 'records' | 'clock' | 'abandoned' | 'unknown' | 'retention'
  /** `note`: worth knowing, and nothing is wrong. */
  readonly status: 'ok' | 'note' | 'failed'
  readonly detail: string
  /** The command that helps. */
  readonly fix?: string
}

/** Counting goes page by page; above this the number does not change what has to be done. */
const COUNT_UP_TO = 1_000
/** An engine sweeps when it claims, so a service that is idle for a night is no reason for an alarm. */
const SWEEP_LAG_MS = 86_400_000
const CLOCK_SKEW_MS = 1_000

/** Everything that can be seen to be wrong from outside. Without a right schema the other checks say nothing, so they are left out. */
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
      await retentionCheck(store, storeFlag),
    ]
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return [schema, { name: 'records', status: 'failed', detail: `a record cannot be read: ${reasonOf(error)}` }]
  }
}

async function schemaCheck({ name, schema }: StoreAtHand, storeFlag: string): Promise<Check> {
  if (schema === undefined) return { name: 'schema', status: 'ok', detail: `the ${name} store has none` }
  const { ok, version, expected, problems } = await schema.check()
  if (ok) return { name: 'schema', status: 'ok', detail: `version ${version}` }
  const detail = problems.join('; ')
  if (version > expected) return { name: 'schema', status: 'failed', detail, fix: 'npm install onlyonce@latest' }
  // Of the right version and yet different: somebody changed it by hand, and no migration puts that back.
  if (version === expected) return { name: 'schema', status: 'failed', detail: `${detail}: restore it from a backup` }
  return { name: 'schema', status: 'failed', detail, fix: `onlyonce migrate${storeFlag}` }
}

/** Settings of a server under which it may forget a claim. */
async function serverChecks({ inspect }: StoreAtHand): Promise<readonly Check[]> {
  if (inspect === undefined) return []
  const { nodes, warnings } = await inspect()
  if (warnings.length === 0)
    return [{ name: 'server', status: 'ok', detail: `${counted(nodes.length, 'master')}, nothing found` }]
  return warnings.map((detail): Check => ({ name: 'server', status: 'failed', detail }))
}

/** Leases are judged by the store's clock alone, so a difference harms nobody; it does confuse who reads the times. */
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
  const { items, next } = await store.list({ state, limit: COUNT_UP_TO })
  if (state === 'abandoned') await requireReadable(store, items)
  if (items.length === 0) return { name: state, status: 'ok', detail: `no operation ${meaning}` }
  const count = next === undefined ? counted(items.length, 'operation') : `more than ${items.length} operations`
  return {
    name: state,
    status: 'failed',
    detail: `${count} ${meaning}`,
    fix: `onlyonce keys ls --state ${state}${storeFlag}`,
  }
}

/** What a store cannot read it lists as unknown; asked for by itself it says why. @throws OnlyonceError OUTCOME_UNKNOWN */
async function requireReadable(store: StoreAtHand, items: readonly ObservedRecord[]): Promise<void> {
  const unsure = items.filter(({ result }) => result?.kind === 'unknown')
  await store.find(unsure.map(({ id }) => id))
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
    fix: `onlyonce sweep --all${storeFlag}`,
  }
}
