import { OnlyonceError } from '../../core/errors.ts'
import {
  type Decision,
  decideClaim,
  decideComplete,
  decideRelease,
  decideRenew,
  isAbandoned,
  isSweepable,
  retained,
} from '../../core/lifecycle.ts'
import { aRuntime, checkEach, positive, refuseUnknown } from '../../core/option-rules.ts'
import type { OperationId, OperationRecord } from '../../core/record.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { ListQuery, Store, StoreTraits, WriteOutcome } from '../../core/store.ts'
import { createWatchers } from '../../core/watchers.ts'
import { handedOut, observed, takenResult, takenSteps } from './copies.ts'

/** Options of `memoryStore`; any other name is OPTION_INVALID. */
export interface MemoryStoreOptions {
  /** Default 100 000. Further claims are refused with `STORE_UNAVAILABLE`; live records are never evicted. */
  readonly maxRecords?: number
  /** Default `systemRuntime`: its `now` is the store's clock. */
  readonly runtime?: Runtime
}

/** A store in the memory of this process: not durable, not transactional, and seen by no other process. */
export interface MemoryStore extends Store {
  /** Number of records, including expired ones that were not swept yet. */
  readonly size: number
}

const TRAITS: StoreTraits = Object.freeze({
  durable: false,
  transactional: false,
  survivesFailover: false,
  selfExpiring: false,
})

/**
 * Keeps records in this process, for as long as it lives: development, tests, coalescing inside one process.
 * Runs the lifecycle functions themselves, so it is the reference for every other store.
 * @throws OnlyonceError OPTION_INVALID
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  refuseUnknown(options, ['maxRecords', 'runtime'])
  const { maxRecords = 100_000, runtime = systemRuntime } = Object(options) as MemoryStoreOptions
  checkEach(positive, { maxRecords })
  checkEach(aRuntime, { runtime })
  const records = new Map<OperationId, OperationRecord>()
  const watchers = createWatchers()
  let fenceFloor = 0
  let fullUntil = 0

  function keep(record: OperationRecord): void {
    records.set(record.id, record)
    fullUntil = Math.min(fullUntil, record.retainUntil)
  }

  function decide(id: OperationId, decision: Decision<WriteOutcome>): WriteOutcome {
    if (decision.write !== undefined) {
      keep(decision.write)
      if (decision.write.state !== 'running') watchers.wake([id])
    }
    return decision.outcome
  }

  function remove(record: OperationRecord): void {
    fenceFloor = Math.max(fenceFloor, record.fence)
    fullUntil = 0
    records.delete(record.id)
    watchers.wake([record.id])
  }

  function sweep(limit: number): number {
    const now = runtime.now()
    let removed = 0
    for (const record of records.values()) {
      if (removed >= limit) break
      if (!isSweepable(record, now)) continue
      remove(record)
      removed++
    }
    return removed
  }

  function makeRoom(id: OperationId): void {
    if (records.size < maxRecords || records.has(id)) return
    // A full store must refuse quickly: it is not scanned again before the first of its records can expire.
    if (runtime.now() >= fullUntil) {
      if (sweep(SWEEP_WHEN_FULL) > 0) return
      fullUntil = Number.POSITIVE_INFINITY
      for (const { retainUntil } of records.values()) fullUntil = Math.min(fullUntil, retainUntil)
    }
    throw new OnlyonceError(
      'STORE_UNAVAILABLE',
      `the memory store is full: it holds ${maxRecords} records whose retention is not over; raise maxRecords or shorten retentionMs`,
    )
  }

  return {
    name: 'memory',
    traits: TRAITS,
    get size() {
      return records.size
    },
    claim: async (requests) =>
      requests.map((request) => {
        makeRoom(request.id)
        const { outcome, write } = decideClaim(records.get(request.id), request, runtime.now(), fenceFloor)
        if (write !== undefined) keep(write)
        return handedOut(outcome)
      }),
    renew: async (renewals) =>
      renewals.map((one) =>
        decide(one.lease.id, decideRenew(records.get(one.lease.id), takenSteps(one), runtime.now())),
      ),
    complete: async (completions) =>
      completions.map((one) =>
        decide(one.lease.id, decideComplete(records.get(one.lease.id), takenResult(one), runtime.now())),
      ),
    release: async (leases) =>
      leases.map((lease) => decide(lease.id, decideRelease(records.get(lease.id), lease, runtime.now()))),
    find: async (ids) => {
      const readAt = runtime.now()
      return ids.map((id) => {
        const record = retained(records.get(id), readAt)
        return record && observed(record, readAt)
      })
    },
    list: async (query) => {
      const readAt = runtime.now()
      const matching = [...records.values()]
        .filter((record) => (query.after === undefined || record.id > query.after) && matches(record, query, readAt))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, query.limit + 1)
        .map((record) => observed(record, readAt))
      const items = matching.slice(0, query.limit)
      const last = items.at(-1)
      return matching.length > items.length && last !== undefined ? { items, next: last.id } : { items }
    },
    forget: async (ids) => {
      const known = ids.map((id) => records.get(id)).filter((record) => record !== undefined)
      for (const record of known) remove(record)
      return known.length
    },
    sweep: async (limit) => sweep(limit),
    watch: (id, call) => watchers.watch(id, call),
    async [Symbol.asyncDispose]() {
      records.clear()
      watchers.clear()
    },
  }
}

/** Large enough to amortise the scan that finds expired records. */
const SWEEP_WHEN_FULL = 1_000

function matches(record: OperationRecord, { state, scope }: ListQuery, now: number): boolean {
  if (retained(record, now) === undefined || (scope !== undefined && record.scope !== scope)) return false
  if (state === undefined) return true
  if (state === 'abandoned') return isAbandoned(record, now)
  if (state === 'unknown') return record.result?.kind === 'unknown'
  return record.state === state
}
