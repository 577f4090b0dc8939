import type { Store } from '../../src/core/store.ts'
import type { Broken } from './broken-stores.ts'

/** Verbs of two steps, between which another one may decide. */
export const BROKEN_RACES: readonly Broken[] = [
  {
    what: 'a claim looks first and writes later',
    rules: { looksThenWrites: ['claim'] },
    caughtBy: 'of 50 concurrent claims by different owners exactly one is granted',
  },
  ...Object.entries({
    'a completion': 'no renewal undoes a concurrent completion',
    'a release': 'no renewal undoes a concurrent release',
    'a takeover': 'of concurrent renewals and a takeover of a lease that is over exactly one side counts',
    'another renewal': 'of concurrent renewals the longest lease and the longest list of steps stay',
  }).map(
    ([other, caughtBy]): Broken => ({
      what: `renew looks first and writes later, over ${other}`,
      rules: { looksThenWrites: ['renew'] },
      caughtBy,
    }),
  ),
  {
    what: 'complete looks first and writes later',
    rules: { looksThenWrites: ['complete'] },
    caughtBy: 'of concurrent completions with different bytes one counts, and everyone is told that one from then on',
  },
  {
    what: 'sweep looks for what is over, and removes it later',
    byModel: false,
    wrap: (store) => {
      const seen = new Set<string>()
      return {
        claim: (requests) => {
          for (const { id } of requests) seen.add(id)
          return store.claim(requests)
        },
        sweep: async (limit) => {
          const over = (await gone(store, [...seen])).slice(0, limit)
          await later()
          return store.forget(over)
        },
      }
    },
    caughtBy: 'no concurrent sweep removes an operation that is claimed anew after its retention',
  },
  {
    what: 'a claim removes what is over in a step of its own',
    byModel: false,
    wrap: (store) => {
      const seen = new Set<string>()
      return {
        claim: async (requests) => {
          const over = await gone(
            store,
            requests.map(({ id }) => id).filter((id) => seen.has(id)),
          )
          await later()
          await store.forget(over)
          for (const { id } of requests) seen.add(id)
          return store.claim(requests)
        },
      }
    },
    caughtBy: 'of 20 concurrent claims after the retention is over exactly one is granted',
  },
]

const later = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Which of `ids` have no record whose retention runs. */
async function gone(store: Store, ids: readonly string[]): Promise<readonly string[]> {
  const records = await store.find(ids)
  return ids.filter((_, index) => records[index] === undefined)
}
