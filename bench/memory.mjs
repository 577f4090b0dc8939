import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

/** @returns {import('./slices.mjs').Case[]} */
export function memoryCases() {
  const effect = async () => ({ receipt: 'r_1', pence: 13_912 })
  const cases = []
  for (const callers of [1, 256]) {
    cases.push({
      name: 'memory: first call',
      callers,
      // What people write by hand: no lease, no owner, no copies, no limit.
      base: async () => {
        const seen = new Map()
        const run = async (/** @type {number} */ n) => {
          const key = `order:${n}`
          if (!seen.has(key)) seen.set(key, await effect())
          return seen.get(key)
        }
        return { what: 'a Map', run }
      },
      ours: async () => {
        const once = onlyonce({ store: memoryStore({ maxRecords: 10_000_000 }), scope: 'bench' })
        return {
          what: 'once',
          run: (/** @type {number} */ n) => once(`order:${n}`, effect),
          close: () => once.store[Symbol.asyncDispose](),
        }
      },
    })
    cases.push({
      name: 'memory: duplicate',
      callers,
      base: async () => {
        const seen = new Map(Array.from({ length: 1_000 }, (_, n) => [`order:${n}`, { receipt: n }]))
        return { what: 'a Map', run: async (/** @type {number} */ n) => seen.get(`order:${n % 1_000}`) }
      },
      ours: async () => {
        const once = onlyonce({ store: memoryStore(), scope: 'bench', onInFlight: 'wait' })
        for (let n = 0; n < 1_000; n++) await once(`order:${n}`, effect)
        return { what: 'once', run: (/** @type {number} */ n) => once(`order:${n % 1_000}`, effect) }
      },
    })
  }
  return cases
}
