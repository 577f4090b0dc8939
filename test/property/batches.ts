import fc from 'fast-check'
import type { ListQuery, Store } from '../../src/core/store.ts'

/** A batch for one verb, over few operations, so that they meet. */
export interface Call {
  readonly verb: (typeof VERBS)[number]
  readonly ids: readonly number[]
  readonly owner: number
  readonly ms: number
}

const VERBS = [
  ...(['claim', 'claim', 'claim', 'renew', 'complete', 'release', 'forget', 'find'] as const),
  ...(['sweep', 'list', 'advance', 'advance', 'restart'] as const),
] as const

export const call: fc.Arbitrary<Call> = fc.record({
  verb: fc.constantFrom(...VERBS),
  ids: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 5 }),
  owner: fc.nat(2),
  ms: fc.constantFrom(1, 5, 10, 40),
})

const STATES = [undefined, 'idle', 'running', 'done', 'abandoned', 'unknown'] as const

/** Does to one store what the calls say, with the leases that it granted. */
export function createPerform(): (store: Store, call: Call) => Promise<unknown> {
  const fences = new Map<string, number>()
  return async (store, { verb, ids, owner, ms }) => {
    const names = ids.map((id) => `${id}`.repeat(32))
    const leases = names.map((id) => ({ id, owner: `o${owner}`, fence: fences.get(id) ?? 1 }))
    const times = { leaseMs: ms, retentionMs: ms * 2 }
    switch (verb) {
      case 'claim': {
        const outcomes = await store.claim(
          names.map((id, nth) => ({
            id,
            scope: `scope ${id[0]}`,
            key: id,
            fingerprint: ms === 10 && nth === 0 ? 'v1:other' : 'v1:one',
            owner: `o${owner}`,
            ...times,
          })),
        )
        for (const one of outcomes) if (one.kind === 'granted') fences.set(one.lease.id, one.lease.fence)
        return outcomes
      }
      case 'renew': {
        const steps = Array.from({ length: owner }, (_, nth) => ({ name: `s${nth}`, result: Uint8Array.of(nth) }))
        return store.renew(leases.map((lease) => ({ lease, ...times, steps })))
      }
      case 'complete': {
        const result = { kind: ms === 40 ? 'unknown' : 'value', body: Uint8Array.of(ms, owner) } as const
        return store.complete(leases.map((lease) => ({ lease, result, retentionMs: ms })))
      }
      case 'release':
        return store.release(leases)
      case 'forget':
        return store.forget(names)
      case 'find':
        return store.find(names)
      case 'sweep':
        return store.sweep(100)
      case 'list': {
        const state = STATES[ids.length]
        return everyPage(store, { limit: 2, ...(state && { state }), ...(owner === 2 ? { scope: 'scope 1' } : {}) })
      }
      default:
        return undefined
    }
  }
}

async function everyPage(store: Store, query: ListQuery): Promise<readonly unknown[]> {
  const { items, next } = await store.list(query)
  return next === undefined ? items : [...items, ...(await everyPage(store, { ...query, after: next }))]
}
