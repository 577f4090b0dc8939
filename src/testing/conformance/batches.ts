import assert from 'node:assert/strict'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  isAbout,
  LONG_MS,
  mismatched,
  rival,
  running,
  type StoreCase,
  sameResult,
  strange,
} from './harness.ts'

const group = 'batches'

export const batchCases: readonly StoreCase[] = [
  {
    name: 'an empty batch gets an empty answer from every verb',
    group,
    async run({ store }) {
      assert.deepEqual(await store.claim([]), [])
      assert.deepEqual(await store.renew([]), [])
      assert.deepEqual(await store.complete([]), [])
      assert.deepEqual(await store.release([]), [])
      assert.deepEqual(await store.find([]), [])
      assert.equal(await store.forget([]), 0)
    },
  },
  {
    name: 'a batch of 500 goes through every verb, and is answered in its order',
    group,
    async run({ store }) {
      const requests = Array.from({ length: 500 }, () => fresh())
      const ids = requests.map((request) => request.id)
      const leases = (await store.claim(requests)).map((outcome) => granted(outcome).lease)
      assert.deepEqual(
        leases.map((lease) => lease.id),
        ids,
      )
      // Every other lease is stale, so that outcomes in the wrong order are noticed; reversed, the first is lost.
      const isEven = (_: unknown, index: number) => index % 2 === 0
      const stale = leases.map((lease, index) => (isEven(lease, index) ? lease : { ...lease, fence: lease.fence - 1 }))
      const evenOnes = leases.map((lease, index) => (isEven(lease, index) ? 'ok' : 'lost'))
      const oddOnes = evenOnes.map((answer) => (answer === 'ok' ? 'lost' : 'ok'))
      const renewals = stale.map((lease) => ({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }))
      assert.deepEqual(await store.renew(renewals), evenOnes)
      const completions = stale.map((lease) => completion(lease, aValue(lease.id)))
      assert.deepEqual(await store.complete(completions), evenOnes)
      assert.deepEqual(await store.release(leases), oddOnes)
      const records = await store.find(ids)
      assert.deepEqual(
        records.map((record) => record?.id),
        ids,
      )
      for (const { id } of leases.filter(isEven)) sameResult(records[ids.indexOf(id)]?.result, aValue(id))
      assert.equal(await store.forget(ids), 500)
    },
  },
  {
    name: 'each claim of a batch is judged by itself, and answered in its place',
    group,
    async run({ store, claim, complete, release, pass }) {
      const abandoned = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(abandoned))
      await pass(BRIEF_MS)
      const [busy, finished, idle, bound] = [fresh(), fresh(), fresh(), fresh()]
      granted(await claim(busy))
      await complete(completion(granted(await claim(finished)).lease, aValue('v')))
      await release(granted(await claim(idle)).lease)
      granted(await claim(bound))
      const unseen = fresh()
      const batch = [rival(busy), rival(finished), unseen, strange(bound), rival(idle), rival(abandoned)]
      const answers = await store.claim(batch)
      running(answers[0])
      const answer = done(answers[1])
      assert.equal(answer.id, finished.id)
      sameResult(answer.result, aValue('v'))
      assert.equal(granted(answers[2]).lease.id, unseen.id)
      mismatched(answers[3])
      assert.deepEqual([granted(answers[4]).lease.id, granted(answers[4]).starts], [idle.id, 2])
      assert.deepEqual([granted(answers[5]).lease.id, granted(answers[5]).attempt], [abandoned.id, 2])
    },
  },
  {
    name: 'each claim of a batch has an owner, a lease and a retention of its own',
    group,
    async run({ store, find }) {
      const requests = [1, 2, 3].map((times) => fresh({ leaseMs: times * LONG_MS, retentionMs: (5 - times) * LONG_MS }))
      const answers = await store.claim(requests)
      for (const [index, { id, owner, leaseMs, retentionMs }] of requests.entries()) {
        assert.equal(granted(answers[index]).lease.owner, owner)
        const record = await find(id)
        assert.equal(record?.owner, owner)
        isAbout('leaseUntil', record?.leaseUntil, record?.createdAt, leaseMs)
        isAbout('retainUntil', record?.retainUntil, record?.leaseUntil, retentionMs)
      }
    },
  },
  {
    name: 'each renewal of a batch has a lease, a retention and steps of its own',
    group,
    async run({ store, find }) {
      const claims = await store.claim([fresh(), fresh(), fresh()])
      const renewals = claims.map((outcome, index) => ({
        lease: granted(outcome).lease,
        leaseMs: (index + 2) * LONG_MS,
        retentionMs: (5 - index) * LONG_MS,
        ...(index === 1 ? {} : { steps: [{ name: `step ${index}`, result: new Uint8Array(index) }] }),
      }))
      assert.deepEqual(await store.renew(renewals), ['ok', 'ok', 'ok'])
      for (const { lease, leaseMs, retentionMs, steps = [] } of renewals) {
        const record = await find(lease.id)
        isAbout('leaseUntil', record?.leaseUntil, record?.readAt, leaseMs)
        isAbout('retainUntil', record?.retainUntil, record?.leaseUntil, retentionMs)
        assert.deepEqual(
          record?.steps.map((step) => step.name),
          steps.map((step) => step.name),
        )
      }
    },
  },
  {
    name: 'each completion of a batch has a kind and a retention of its own',
    group,
    async run({ store, find }) {
      const kinds = ['error', 'unstorable', 'error'] as const
      const claims = await store.claim(kinds.map(() => fresh()))
      const completions = claims.map((outcome, index) => ({
        lease: granted(outcome).lease,
        result: { ...aValue(`${index}`), kind: kinds[index] as (typeof kinds)[number] },
        retentionMs: (index + 1) * LONG_MS,
      }))
      assert.deepEqual(await store.complete(completions), ['ok', 'ok', 'ok'])
      for (const { lease, result, retentionMs } of completions) {
        const record = await find(lease.id)
        sameResult(record?.result, result)
        isAbout('retainUntil', record?.retainUntil, record?.readAt, retentionMs)
      }
    },
  },
  {
    name: 'done answers of a batch are not mixed up',
    group,
    async run({ store }) {
      const requests = Array.from({ length: 40 }, () => fresh())
      const leases = (await store.claim(requests)).map((outcome) => granted(outcome).lease)
      await store.complete(leases.map((lease) => completion(lease, aValue(lease.id))).reverse())
      const shuffled = [...requests].sort((a, b) => (a.id < b.id ? -1 : 1))
      for (const [index, outcome] of (await store.claim(shuffled.map((request) => rival(request)))).entries()) {
        const { id, result } = done(outcome)
        assert.equal(id, shuffled[index]?.id)
        sameResult(result, aValue(id))
      }
    },
  },
  {
    name: 'a lost write does not hold the others of its batch back',
    group,
    async run({ store, find }) {
      const requests = Array.from({ length: 3 }, () => fresh())
      const leases = (await store.claim(requests)).map((outcome) => granted(outcome).lease)
      const stale = leases.map((lease, index) => (index === 1 ? { ...lease, fence: lease.fence - 1 } : lease))
      const renewals = stale.map((lease) => ({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }))
      assert.deepEqual(await store.renew(renewals), ['ok', 'lost', 'ok'])
      const completions = stale.map((lease) => completion(lease, aValue('v')))
      assert.deepEqual(await store.complete(completions), ['ok', 'lost', 'ok'])
      assert.deepEqual(await store.release(stale), ['lost', 'lost', 'lost'])
      assert.deepEqual(await store.release(leases), ['lost', 'ok', 'lost'])
      assert.equal((await find((requests[1] as { id: string }).id))?.state, 'idle')
    },
  },
  {
    name: 'find answers in order, with gaps where nothing is known',
    group,
    async run({ store }) {
      const [one, two] = [fresh(), fresh()]
      await store.claim([one, two])
      const answers = await store.find([two.id, fresh().id, one.id])
      assert.deepEqual(
        answers.map((record) => record?.id),
        [two.id, undefined, one.id],
      )
    },
  },
]
