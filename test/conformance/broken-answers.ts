import type { Broken } from './broken-stores.ts'

/** Right decisions, handed over or answered wrongly. */
export const BROKEN_ANSWERS: readonly Broken[] = [
  {
    what: 'retryAfterMs is the length of the lease',
    wrap: (store) => ({
      claim: async (requests) =>
        (await store.claim(requests)).map((outcome, index) =>
          outcome.kind === 'running' ? { ...outcome, retryAfterMs: requests[index]?.leaseMs ?? 0 } : outcome,
        ),
    }),
    caughtBy: 'retryAfterMs is what remains of the lease, not its length',
  },
  {
    what: 'answers come in the order in which the store finished',
    wrap: (store) => ({ claim: async (requests) => [...(await store.claim(requests))].reverse() }),
    caughtBy: 'a batch of 500 goes through every verb, and is answered in its order',
  },
  {
    what: 'find leaves out what it does not know',
    wrap: (store) => ({ find: async (ids) => (await store.find(ids)).filter((record) => record !== undefined) }),
    caughtBy: 'find answers in order, with gaps where nothing is known',
  },
  {
    what: 'the second page is the first again',
    wrap: (store) => ({ list: ({ after: _, ...query }) => store.list(query) }),
    caughtBy: 'listing gives every record once, page by page',
  },
  {
    what: 'a body is cut at its first NUL',
    wrap: (store) => ({
      complete: (all) =>
        store.complete(
          all.map((one) => {
            const end = one.result.body.indexOf(0)
            return end < 0 ? one : { ...one, result: { ...one.result, body: one.result.body.slice(0, end) } }
          }),
        ),
    }),
    caughtBy: 'a result of no bytes, of every byte and of 256 KiB comes back byte for byte',
  },
]
