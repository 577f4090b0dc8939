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
    byModel: false,
    wrap: (store) => ({ claim: async (requests) => [...(await store.claim(requests))].reverse() }),
    caughtBy: 'a batch of 500 goes through every verb, and is answered in its order',
  },
  ...(['renew', 'complete', 'release'] as const).map(
    (verb): Broken => ({
      what: `${verb} answers backwards`,
      byModel: false,
      wrap: (store) => ({ [verb]: async (batch: never) => [...(await store[verb](batch))].reverse() }),
      caughtBy: 'a batch of 500 goes through every verb, and is answered in its order',
    }),
  ),
  ...(['owner', 'leaseMs', 'retentionMs'] as const).map(
    (member): Broken => ({
      what: `a batch is claimed with the ${member} of its first request`,
      byModel: false,
      wrap: (store) => ({
        claim: (batch) => store.claim(batch.map((one) => ({ ...one, [member]: batch[0]?.[member] }))),
      }),
      caughtBy: 'each claim of a batch has an owner, a lease and a retention of its own',
    }),
  ),
  ...(['leaseMs', 'retentionMs', 'steps'] as const).map(
    (member): Broken => ({
      what: `a batch is renewed with the ${member} of its first renewal`,
      byModel: false,
      wrap: (store) => ({
        renew: (batch) => store.renew(batch.map((one) => ({ ...one, [member]: batch[0]?.[member] }))),
      }),
      caughtBy: 'each renewal of a batch has a lease, a retention and steps of its own',
    }),
  ),
  {
    what: 'a batch is completed for the retention of its first completion',
    byModel: false,
    wrap: (store) => ({
      complete: (batch) => store.complete(batch.map((one) => ({ ...one, retentionMs: batch[0]?.retentionMs ?? 0 }))),
    }),
    caughtBy: 'each completion of a batch has a kind and a retention of its own',
  },
  {
    what: 'a batch is completed with the kind of its first completion',
    byModel: false,
    wrap: (store) => ({
      complete: (batch) =>
        store.complete(
          batch.map((one) => ({ ...one, result: { ...one.result, kind: batch[0]?.result.kind ?? 'value' } })),
        ),
    }),
    caughtBy: 'each completion of a batch has a kind and a retention of its own',
  },
  {
    what: 'a mismatch carries the result of the first',
    byModel: false,
    wrap: (store) => ({
      claim: async (requests) => {
        const records = await store.find(requests.map(({ id }) => id))
        return (await store.claim(requests)).map((outcome, index) =>
          outcome.kind === 'mismatch' ? { ...outcome, result: records[index]?.result } : outcome,
        )
      },
    }),
    caughtBy: 'another payload is a mismatch when the operation is done, and does not see the result',
  },
  ...(['abandoned', 'unknown'] as const).map(
    (state): Broken => ({
      what: `what is ${state} cannot be forgotten`,
      wrap: (store) => ({
        async forget(ids) {
          const { items } = await store.list({ state, limit: 1_000 })
          return store.forget(ids.filter((id) => !items.some((item) => item.id === id)))
        },
      }),
      caughtBy: 'forgetting removes records in every state, and counts them',
    }),
  ),
  {
    what: 'a watcher is woken when it begins to watch, and never again',
    byModel: false,
    wrap: () => ({
      watch(_id, wake) {
        wake()
        return () => {}
      },
    }),
    caughtBy: 'a watcher is woken by a completion, a release and a forgetting',
  },
  {
    what: 'find leaves out what it does not know',
    wrap: (store) => ({ find: async (ids) => (await store.find(ids)).filter((record) => record !== undefined) }),
    caughtBy: 'find answers in order, with gaps where nothing is known',
  },
  {
    what: 'the second page is the first again',
    byModel: false,
    wrap: (store) => ({ list: ({ after: _, ...query }) => store.list(query) }),
    caughtBy: 'listing gives every record once, page by page',
  },
  {
    what: 'a page is found by how many came before it',
    byModel: false,
    wrap: (store) => ({
      async list({ after, limit, ...query }) {
        const { items } = await store.list({ ...query, limit: 1_000 })
        const end = Number(after ?? 0) + limit
        return { items: items.slice(end - limit, end), ...(end < items.length ? { next: `${end}` } : {}) }
      },
    }),
    caughtBy: 'records that leave the list between two pages take no others with them',
  },
  {
    what: 'a state is only looked at in a scope',
    byModel: false,
    wrap: (store) => ({
      list: ({ state, ...query }) =>
        store.list(state === undefined || query.scope === undefined ? query : { ...query, state }),
    }),
    caughtBy: 'a state is listed in every scope without one, and in that scope only with one',
  },
  {
    what: 'a scope is only looked at without a state',
    byModel: false,
    wrap: (store) => ({
      list: ({ scope, ...query }) =>
        store.list(query.state !== undefined || scope === undefined ? query : { ...query, scope }),
    }),
    caughtBy: 'a state is listed in every scope without one, and in that scope only with one',
  },
  {
    what: 'an operation is abandoned when the lease of its claim is over, renewed or not',
    byModel: false,
    wrap: (store) => {
      const leases = new Map<string, number>()
      return {
        async claim(requests) {
          const outcomes = await store.claim(requests)
          for (const record of await store.find(requests.map(({ id }) => id))) {
            if (record !== undefined) leases.set(record.id, record.leaseUntil)
          }
          return outcomes
        },
        async list(query) {
          if (query.state !== 'abandoned') return store.list(query)
          const { items } = await store.list({ ...query, state: 'running', limit: 1_000 })
          return { items: items.filter(({ id, readAt }) => (leases.get(id) ?? 0) <= readAt).slice(0, query.limit) }
        },
      }
    },
    caughtBy: 'an abandoned operation is listed as such until it is renewed or taken over',
  },
  {
    what: 'a listed record says that it was read when it was claimed',
    byModel: false,
    wrap: (store) => ({
      async list(query) {
        const page = await store.list(query)
        return { ...page, items: page.items.map((record) => ({ ...record, readAt: record.createdAt })) }
      },
    }),
    caughtBy: 'a listed record is the one that find answers',
  },
  {
    what: 'a body is cut at its first NUL',
    byModel: false,
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
