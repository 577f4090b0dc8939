import { expect } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { answersOf, type StoreCall } from './store-calls.ts'

/**
 * Answers of a store, to be compared with those of another one. Fences may differ: the memory store has one floor for all
 * that is gone, PostgreSQL and MySQL keep that of a forgotten operation beside it. So each is only required to grow, and a number that says how often takes its place in the answers.
 */
export function follow(store: Store): (call: StoreCall) => Promise<unknown> {
  const fences = new Map<string, number>()
  const generations = new Map<string, number>()
  return async (call) => {
    const answer = structuredClone(await answersOf(store, call, fences))
    if (call.verb === 'claim') {
      for (const outcome of answer as { kind: string; lease?: { id: string; fence: number } }[]) {
        if (outcome.lease === undefined) continue
        const { id, fence } = outcome.lease
        const last = fences.get(id) ?? 0
        expect(fence).toBeGreaterThanOrEqual(last)
        if (fence > last) generations.set(id, (generations.get(id) ?? 0) + 1)
        fences.set(id, fence)
      }
    }
    return JSON.parse(JSON.stringify([answer], named))
  }
  function named(this: unknown, name: string, value: unknown): unknown {
    if (name !== 'fence') return value instanceof Uint8Array ? [...value] : value
    const { id } = this as { id: string }
    return value === fences.get(id) ? generations.get(id) : `not the newest: ${value}`
  }
}
