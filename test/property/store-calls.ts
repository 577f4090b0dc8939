import fc from 'fast-check'
import type { Store } from '../../src/core/store.ts'

/** A batch for one verb, over few operations, so that they meet. */
export type StoreCall = { readonly ids: readonly number[]; readonly owner: number; readonly ms: number } & (
  | { readonly verb: 'claim' | 'renew' | 'complete' | 'release' | 'forget' | 'find' }
  | { readonly verb: 'sweep' | 'list' | 'advance' | 'set-back' }
)

const call: fc.Arbitrary<StoreCall> = fc.record({
  verb: fc.constantFrom(
    ...(['claim', 'claim', 'claim', 'renew', 'complete', 'release', 'forget', 'find'] as const),
    ...(['sweep', 'list', 'advance', 'advance', 'set-back'] as const),
  ),
  ids: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 5 }),
  owner: fc.nat(2),
  ms: fc.constantFrom(1, 5, 10, 40),
})

export const storeCalls = fc.array(call, { maxLength: 30 })

/** What the store says to the call; `fences` are those of the newest claims. */
export async function answersOf(
  store: Store,
  { verb, ids, owner, ms }: StoreCall,
  fences: ReadonlyMap<string, number>,
): Promise<unknown> {
  const names = ids.map((id) => `${id}`.repeat(32))
  const leases = names.map((id) => ({ id, owner: `o${owner}`, fence: fences.get(id) ?? 1 }))
  const times = { leaseMs: ms, retentionMs: ms * 2 }
  const steps = Array.from({ length: owner }, (_, nth) => ({ name: `s${nth}`, result: Uint8Array.of(nth) }))
  const kind = ms === 40 ? 'unknown' : 'value'
  switch (verb) {
    case 'claim':
      return store.claim(
        names.map((id, nth) => {
          const fingerprint = ms === 10 && nth === 0 ? 'v1:other' : 'v1:one'
          return { id, scope: `scope ${id.slice(0, 1)}`, key: id, fingerprint, owner: `o${owner}`, ...times }
        }),
      )
    case 'renew':
      return store.renew(leases.map((lease) => ({ lease, ...times, steps })))
    case 'complete':
      return store.complete(
        leases.map((lease) => ({ lease, result: { kind, body: Uint8Array.of(ms, owner) }, retentionMs: ms })),
      )
    case 'release':
      return store.release(leases)
    case 'forget':
      return store.forget(names)
    case 'find':
      return store.find(names)
    case 'sweep':
      return store.sweep(100)
    case 'list': {
      const state = ([undefined, 'idle', 'running', 'done', 'abandoned', 'unknown'] as const)[ids.length]
      const query = {
        limit: 2,
        ...(state === undefined ? {} : { state }),
        ...(owner === 2 ? { scope: 'scope 1' } : {}),
      }
      const page = await store.list(query)
      return [page, page.next === undefined ? [] : await store.list({ ...query, after: page.next })]
    }
    default:
      return undefined
  }
}
