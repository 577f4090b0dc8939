import assert from 'node:assert/strict'
import type { Lease, Step } from '../../core/record.ts'
import type { Renewal } from '../../core/store.ts'
import { aValue, BRIEF_MS, bytes, completion, done, fresh, granted, LONG_MS, rival, type StoreCase } from './harness.ts'

const group = 'concurrency'

/** Not every round hits the moment between read and write that reveals a store which reads first and writes later. */
const ROUNDS = 40
const RENEWALS = 3

/** Calls `write` and renewals of `lease` concurrently; by round, `write` is called first, last or in between. */
async function amongRenewals<T>(
  renew: (renewal: Renewal) => Promise<unknown>,
  lease: Lease,
  round: number,
  write: () => Promise<T>,
): Promise<{ readonly written: T; readonly renewed: readonly unknown[] }> {
  const before = round % (RENEWALS + 1)
  const renewals = (count: number) =>
    Array.from({ length: count }, () => renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }))
  const first = renewals(before)
  const writing = write()
  const renewed = await Promise.all([...first, ...renewals(RENEWALS - before)])
  return { written: await writing, renewed }
}

export const renewalRaceCases: readonly StoreCase[] = [
  {
    name: 'no renewal undoes a concurrent completion',
    group,
    async run({ claim, renew, complete, find }) {
      for (let round = 0; round < ROUNDS; round++) {
        const request = fresh()
        const { lease } = granted(await claim(request))
        const settle = () => complete(completion(lease, aValue('v')))
        assert.equal((await amongRenewals(renew, lease, round, settle)).written, 'ok')
        assert.equal((await find(lease.id))?.state, 'done')
        done(await claim(rival(request)))
      }
    },
  },
  {
    name: 'no renewal undoes a concurrent release',
    group,
    async run({ claim, renew, release, find }) {
      for (let round = 0; round < ROUNDS; round++) {
        const request = fresh()
        const { lease } = granted(await claim(request))
        assert.equal((await amongRenewals(renew, lease, round, () => release(lease))).written, 'ok')
        assert.equal((await find(lease.id))?.state, 'idle')
        granted(await claim(rival(request)))
      }
    },
  },
  {
    name: 'of concurrent renewals and a takeover of a lease that is over exactly one side counts',
    group,
    async run({ store, claim, renew, find, pass }) {
      const requests = Array.from({ length: ROUNDS }, () => fresh({ leaseMs: BRIEF_MS }))
      const leases = (await store.claim(requests)).map((outcome) => granted(outcome).lease)
      await pass(BRIEF_MS)
      for (const [round, lease] of leases.entries()) {
        const taker = rival(requests[round] as (typeof requests)[number], { leaseMs: LONG_MS })
        const { written, renewed } = await amongRenewals(renew, lease, round, () => claim(taker))
        const isTaken = written.kind === 'granted'
        assert.deepEqual(new Set(renewed), new Set([isTaken ? 'lost' : 'ok']))
        assert.equal((await find(lease.id))?.owner, isTaken ? taker.owner : lease.owner)
      }
    },
  },
  {
    name: 'of concurrent renewals the longest lease and the longest list of steps stay',
    group,
    async run({ claim, renew, find }) {
      const steps: readonly Step[] = [
        { name: 'reserve', result: bytes('r-1') },
        { name: 'charge', result: bytes('c-2') },
      ]
      for (let round = 0; round < ROUNDS; round++) {
        const { lease } = granted(await claim(fresh()))
        const saving = () => renew({ lease, leaseMs: 3 * LONG_MS, retentionMs: LONG_MS, steps })
        const { written, renewed } = await amongRenewals(renew, lease, round, saving)
        assert.deepEqual(new Set([written, ...renewed]), new Set(['ok']))
        const record = await find(lease.id)
        assert.deepEqual(
          record?.steps.map((step) => step.name),
          ['reserve', 'charge'],
        )
        assert.ok((record?.leaseUntil ?? 0) > (record?.readAt ?? 0) + 2 * LONG_MS, 'the longest lease stays')
      }
    },
  },
]
