import assert from 'node:assert/strict'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  LONG_MS,
  rival,
  type StoreCase,
  sameResult,
} from './harness.ts'

const group = 'concurrency'

function times<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

export const concurrencyCases: readonly StoreCase[] = [
  {
    name: 'of 50 concurrent claims by different owners exactly one is granted',
    group,
    async run({ claim, find }) {
      const request = fresh()
      const outcomes = await Promise.all(times(50, () => claim(rival(request))))
      const winners = outcomes.filter((outcome) => outcome.kind === 'granted')
      assert.equal(winners.length, 1)
      assert.ok(outcomes.every((outcome) => outcome.kind === 'granted' || outcome.kind === 'running'))
      const record = await find(request.id)
      assert.deepEqual([record?.owner, record?.starts], [granted(winners[0]).lease.owner, 1])
    },
  },
  {
    name: '50 concurrent claims by one owner are one claim',
    group,
    async run({ claim, find }) {
      const request = fresh()
      const [first, ...others] = await Promise.all(times(50, () => claim(request)))
      for (const other of others) assert.deepEqual(granted(other), granted(first))
      assert.equal((await find(request.id))?.starts, 1)
    },
  },
  {
    name: 'of 20 concurrent takeovers exactly one is granted',
    group,
    async run({ claim, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      const outcomes = await Promise.all(times(20, () => claim(rival(request, { leaseMs: LONG_MS }))))
      assert.equal(outcomes.filter((outcome) => outcome.kind === 'granted').length, 1)
      assert.equal((await find(request.id))?.attempt, 2)
    },
  },
  {
    name: 'of 20 concurrent claims after a release exactly one is granted',
    group,
    async run({ claim, release, find }) {
      const request = fresh()
      await release(granted(await claim(request)).lease)
      const outcomes = await Promise.all(times(20, () => claim(rival(request))))
      assert.equal(outcomes.filter((outcome) => outcome.kind === 'granted').length, 1)
      assert.equal((await find(request.id))?.starts, 2)
    },
  },
  {
    name: 'of concurrent completions with different bytes one counts, and everyone is told that one from then on',
    group,
    async run({ claim, complete }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      // Each claims as soon as its completion is answered, while others may still be running.
      const told = await Promise.all(
        times(20, async (index) => {
          assert.equal(await complete(completion(lease, aValue(`${index}`))), 'ok')
          return done(await claim(rival(request))).result
        }),
      )
      const { result } = done(await claim(request))
      for (const one of told) sameResult(one, result)
    },
  },
  {
    name: 'of a concurrent completion and release exactly one counts',
    group,
    async run({ claim, complete, release, find }) {
      for (let round = 0; round < 10; round++) {
        const { lease } = granted(await claim(fresh()))
        const writes = [() => complete(completion(lease, aValue('v'))), () => release(lease)]
        const [first, second] = round % 2 === 0 ? writes : writes.reverse()
        const answers = await Promise.all([first?.(), second?.()])
        assert.deepEqual([...answers].sort(), ['lost', 'ok'])
        const completed = answers[round % 2] === 'ok'
        assert.equal((await find(lease.id))?.state, completed ? 'done' : 'idle')
      }
    },
  },
  {
    name: 'batches that name the same operations in opposite order all get through',
    group,
    async run({ store }) {
      const requests = times(30, () => fresh())
      const batches = times(10, (index) => {
        const batch = requests.map((request) => rival(request))
        return store.claim(index % 2 === 0 ? batch : batch.reverse())
      })
      const outcomes = (await Promise.all(batches)).flat()
      const leases = outcomes.flatMap((outcome) => (outcome.kind === 'granted' ? [outcome.lease] : []))
      assert.equal(leases.length, 30)
      assert.equal(new Set(leases.map((lease) => lease.id)).size, 30)
      const writes = times(6, (index) => store.release(index % 2 === 0 ? leases : [...leases].reverse()))
      assert.deepEqual(new Set((await Promise.all(writes)).flat()), new Set(['ok']))
    },
  },
  {
    name: 'claims while records are swept and forgotten leave one owner',
    group,
    async run({ store, claim, find }) {
      const request = fresh()
      const outcomes = await Promise.all(
        times(30, async (index) => {
          if (index % 10 === 5) await store.forget([request.id])
          if (index % 7 === 3) await store.sweep(100)
          return claim(rival(request))
        }),
      )
      const fences = outcomes.flatMap((outcome) => (outcome.kind === 'granted' ? [outcome.lease.fence] : []))
      assert.equal(new Set(fences).size, fences.length, 'no fence is handed out twice')
      assert.equal((await find(request.id))?.fence, Math.max(...fences))
    },
  },
  {
    name: 'of 20 concurrent claims after the retention is over exactly one is granted',
    group,
    async run({ store, claim, find, pass }) {
      const over = times(10, () => fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }))
      await store.claim(over)
      await pass(2 * BRIEF_MS)
      for (const request of over) {
        const outcomes = await Promise.all(times(20, () => claim(rival(request, { leaseMs: LONG_MS }))))
        const winners = outcomes.filter((outcome) => outcome.kind === 'granted')
        assert.equal(winners.length, 1, `of 20 claims one should be granted; ${winners.length} were`)
        assert.equal((await find(request.id))?.owner, granted(winners[0]).lease.owner)
      }
    },
  },
  {
    name: 'no concurrent sweep removes an operation that is claimed anew after its retention',
    group,
    async run({ store, claim, find, pass }) {
      const over = times(40, () => fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }))
      await store.claim(over)
      await pass(2 * BRIEF_MS)
      const claimed = await Promise.all(
        over.map(async (request, index) => {
          const sweep = index % 10 === 0 ? store.sweep(100) : undefined
          const { lease } = granted(await claim(rival(request, { leaseMs: LONG_MS })))
          await sweep
          return lease
        }),
      )
      for (const { id, fence } of claimed) {
        assert.equal((await find(id))?.fence, fence, 'an operation that runs was swept')
      }
    },
  },
]
