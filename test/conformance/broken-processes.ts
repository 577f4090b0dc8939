import type { Broken } from './broken-stores.ts'

/** Sound as long as one process has the data to itself. */
export const BROKEN_PROCESSES: readonly Broken[] = [
  {
    what: 'claims take turns by a lock of their process',
    byModel: false,
    rules: { looksThenWrites: ['claim'] },
    wrap: (store) => {
      let last: Promise<unknown> = Promise.resolve()
      return {
        claim: (requests) => {
          const answer = last.then(() => store.claim(requests))
          last = answer
          return answer
        },
      }
    },
    caughtBy: 'of concurrent claims from two processes exactly one is granted',
  },
  {
    what: 'a sweep counts what it found, and sweeps take turns by a lock of their process',
    byModel: false,
    rules: { looksThenWrites: ['sweep'] },
    wrap: (store) => {
      let last: Promise<unknown> = Promise.resolve()
      return {
        sweep: (limit) => {
          const answer = last.then(() => store.sweep(limit))
          last = answer
          return answer
        },
      }
    },
    caughtBy: 'of sweeps by two processes at once each record is removed by one',
  },
  {
    what: 'what is done is remembered by the process that was told so',
    byModel: false,
    wrap: (store) => {
      const told = new Set<string>()
      return {
        find: async (ids) => {
          const records = await store.find(ids)
          for (const record of records) if (record?.state === 'done') told.add(record.id)
          return records
        },
        claim: async (requests) => {
          const outcomes = await store.claim(requests)
          return outcomes.map((outcome, index) => {
            const { id = '' } = requests[index] ?? {}
            const known = { kind: 'done', id, fence: 1, result: { kind: 'value', body: new Uint8Array() } } as const
            return outcome.kind === 'granted' && told.has(id) ? known : outcome
          })
        },
        forget: (ids) => {
          for (const id of ids) told.delete(id)
          return store.forget(ids)
        },
        sweep: (limit) => {
          told.clear()
          return store.sweep(limit)
        },
      }
    },
    caughtBy: 'what one process writes the other sees at once',
  },
  {
    what: 'a process that begins clears away what runs, as if another had died',
    byModel: false,
    wrap: (store) => {
      const cleared = store.list({ state: 'running', limit: 1_000 }).then(({ items }) => {
        return store.forget(items.map(({ id }) => id))
      })
      return {
        claim: async (requests) => {
          await cleared
          return store.claim(requests)
        },
      }
    },
    caughtBy: 'a process that opens the data while another one works leaves that one its leases',
  },
  {
    what: 'fences of removed records are remembered by one process alone',
    byModel: false,
    rules: { remembersFences: 'by the process that removed them' },
    caughtBy: 'fences grow from one process to the other, also across what either of them forgets',
  },
]
