import { decideClaim, decideComplete, decideRelease, decideRenew, isSweepable } from '../../src/core/lifecycle.ts'
import type { Lease, OperationRecord } from '../../src/core/record.ts'
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { type FakeRuntime, fakeRuntime, type StoreUnderTest } from '../../src/testing/index.ts'

/** The lifecycle, open to sabotage: a store is as right as the rules it is given. */
export interface Rules {
  readonly decideClaim: typeof decideClaim
  readonly decideRenew: typeof decideRenew
  readonly decideComplete: typeof decideComplete
  readonly decideRelease: typeof decideRelease
  readonly isSweepable: typeof isSweepable
  /** Whether fences of removed records are remembered, and by whom. */
  readonly remembersFences: boolean | 'by the process that removed them'
  /** What the store takes for the name of an operation. */
  readonly idOf: (id: string, key: string | undefined) => string
  /** The verbs that look first and write later. */
  readonly looksThenWrites: readonly ('claim' | 'renew' | 'complete' | 'sweep')[]
}

export const SOUND: Rules = {
  decideClaim,
  decideRenew,
  decideComplete,
  decideRelease,
  isSweepable,
  remembersFences: true,
  idOf: (id) => id,
  looksThenWrites: [],
}

/** A store on `rules`, for reading backed by a sound memory store that is rebuilt from the same records. */
export function openRulesStore(
  change: Partial<Rules>,
  wrap: (store: Store) => Partial<Store> = () => ({}),
): StoreUnderTest & { readonly runtime: FakeRuntime } {
  const rules: Rules = { ...SOUND, ...change }
  const runtime = fakeRuntime()
  const records = new Map<string, OperationRecord>()
  const floor = { fence: 0 }
  const open = () => {
    const own = rules.remembersFences === true ? floor : { fence: 0 }
    const store = storeOn(rules, runtime, records, own)
    return { ...store, ...wrap(store) }
  }
  return { store: open(), another: async () => open(), advance: runtime.advance, runtime }
}

function storeOn(
  rules: Rules,
  runtime: FakeRuntime,
  records: Map<string, OperationRecord>,
  floor: { fence: number },
): Store {
  let completions = 0
  const remove = (id: string) => {
    const record = records.get(id)
    if (record !== undefined && rules.remembersFences) floor.fence = Math.max(floor.fence, record.fence)
    return records.delete(id)
  }
  const write = (id: string, { outcome, write: record }: { outcome: 'ok' | 'lost'; write?: OperationRecord }) => {
    if (record !== undefined) records.set(id, record)
    return outcome
  }
  const judge = (lease: Lease) => records.get(lease.id)
  const store: Store = {
    ...memoryStore({ runtime }),
    name: 'rules',
    claim: async (requests) => {
      const known = requests.map(({ id, key }) => records.get(rules.idOf(id, key)))
      const looksFirst = rules.looksThenWrites.includes('claim')
      if (looksFirst) await null
      return requests.map((request, index) => {
        const id = rules.idOf(request.id, request.key)
        const current = looksFirst ? known[index] : records.get(id)
        const decision = rules.decideClaim(current, request, runtime.now(), floor.fence)
        if (decision.write !== undefined) records.set(id, decision.write)
        return copy(decision.outcome)
      })
    },
    renew: async (all) => {
      const known = all.map(({ lease }) => judge(lease))
      const looksFirst = rules.looksThenWrites.includes('renew')
      if (looksFirst) await null
      return all.map((one, index) => {
        const current = looksFirst ? known[index] : judge(one.lease)
        return write(one.lease.id, rules.decideRenew(current, copy(one), runtime.now()))
      })
    },
    complete: async (all) => {
      const known = all.map(({ lease }) => judge(lease))
      const looksFirst = rules.looksThenWrites.includes('complete')
      // Each takes longer than the one before, so that one is answered while another has not written yet.
      if (looksFirst) for (let turns = ++completions; turns > 0; turns--) await null
      return all.map((one, index) => {
        const current = looksFirst ? known[index] : judge(one.lease)
        return write(one.lease.id, rules.decideComplete(current, copy(one), runtime.now()))
      })
    },
    release: async (all) =>
      all.map((lease) => write(lease.id, rules.decideRelease(judge(lease), lease, runtime.now()))),
    find: async (ids) => {
      const readAt = runtime.now()
      return ids.map((id) => {
        const record = records.get(id)
        return record === undefined || isSweepable(record, readAt) ? undefined : { ...copy(record), readAt }
      })
    },
    list: async ({ limit, after = '', scope, state }) => {
      const readAt = runtime.now()
      const items = [...records.values()]
        .filter((record) => record.id > after && !isSweepable(record, readAt))
        .filter((record) => scope === undefined || record.scope === scope)
        .filter((record) => {
          if (state === 'abandoned') return record.state === 'running' && record.leaseUntil <= readAt
          if (state === 'unknown') return record.result?.kind === 'unknown'
          return state === undefined || record.state === state
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map((record) => ({ ...copy(record), readAt }))
      const page = items.slice(0, limit)
      return items.length > limit ? { items: page, next: (page.at(-1) as OperationRecord).id } : { items: page }
    },
    forget: async (ids) => ids.filter(remove).length,
    sweep: async (limit) => {
      const over = [...records.values()].filter((record) => rules.isSweepable(record, runtime.now())).slice(0, limit)
      if (!rules.looksThenWrites.includes('sweep')) return over.filter((record) => remove(record.id)).length
      await null
      for (const { id } of over) remove(id)
      return over.length
    },
  }
  delete (store as { watch?: unknown }).watch
  return store
}

function copy<T>(value: T): T {
  return structuredClone(value)
}
