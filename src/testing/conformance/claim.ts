import assert from 'node:assert/strict'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  isAbout,
  isAbove,
  LONG_MS,
  mismatched,
  rival,
  running,
  type StoreCase,
  sameResult,
  strange,
  unchanged,
} from './harness.ts'

const group = 'claim'

export const claimCases: readonly StoreCase[] = [
  {
    name: 'a new operation is granted as attempt 1 and start 1, without steps',
    group,
    async run({ claim }) {
      const request = fresh()
      const { lease, attempt, starts, steps } = granted(await claim(request))
      assert.deepEqual({ id: lease.id, owner: lease.owner }, { id: request.id, owner: request.owner })
      assert.deepEqual({ attempt, starts, steps }, { attempt: 1, starts: 1, steps: [] })
    },
  },
  {
    name: 'a fence is a safe integer, and the first is not behind the store clock in microseconds',
    group,
    async run({ claim, find }) {
      const { lease } = granted(await claim(fresh()))
      assert.ok(Number.isSafeInteger(lease.fence), `a fence is a safe integer; got ${lease.fence}`)
      const { createdAt } = (await find(lease.id)) ?? assert.fail('a claimed record is found')
      assert.ok(
        lease.fence >= (createdAt - 1) * 1000,
        `the first fence is at least the store's clock in microseconds, so that it is larger than those of records that are gone; got ${lease.fence} at ${createdAt} ms`,
      )
    },
  },
  {
    name: 'a second owner is told that the operation is running, and changes nothing',
    group,
    async run(context) {
      const request = fresh()
      granted(await context.claim(request))
      const { retryAfterMs } = running(await unchanged(context, request.id, () => context.claim(rival(request))))
      assert.ok(retryAfterMs > 0 && retryAfterMs <= request.leaseMs)
    },
  },
  {
    name: 'retryAfterMs is what remains of the lease, not its length',
    group,
    async run({ claim, pass }) {
      const request = fresh()
      granted(await claim(request))
      await pass(BRIEF_MS)
      const { retryAfterMs } = running(await claim(rival(request, { leaseMs: 5 * LONG_MS })))
      assert.ok(retryAfterMs > 0 && retryAfterMs <= request.leaseMs - BRIEF_MS, `got ${retryAfterMs}`)
    },
  },
  {
    name: 'a claim repeated by its owner is granted the same lease again, and changes nothing',
    group,
    async run(context) {
      const request = fresh()
      const first = granted(await context.claim(request))
      assert.deepEqual(await unchanged(context, request.id, () => context.claim(request)), first)
    },
  },
  {
    name: 'a claim repeated after its lease is over, when nobody took over, is granted the same lease again',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const first = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      assert.deepEqual(await unchanged(context, request.id, () => context.claim(request)), first)
    },
  },
  {
    name: 'an operation whose lease is over is taken over, as one more attempt and start, with a larger fence',
    group,
    async run({ claim, pass }) {
      let request = fresh({ leaseMs: BRIEF_MS })
      let last = granted(await claim(request))
      for (const round of [2, 3]) {
        await pass(BRIEF_MS)
        request = rival(request)
        const next = granted(await claim(request))
        assert.deepEqual({ attempt: next.attempt, starts: next.starts }, { attempt: round, starts: round })
        assert.equal(next.lease.owner, request.owner)
        isAbove(next.lease.fence, last.lease.fence)
        last = next
      }
    },
  },
  {
    name: 'a takeover, and a claim after a release, have the lease and the retention that they ask for',
    group,
    async run({ claim, release, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      for (const times of [3, 2, 4]) {
        const next = rival(request, { leaseMs: times * LONG_MS, retentionMs: 2 * times * LONG_MS })
        const { lease } = granted(await claim(next))
        const record = await find(request.id)
        isAbout('leaseUntil', record?.leaseUntil, record?.readAt, next.leaseMs)
        isAbout('retainUntil', record?.retainUntil, record?.leaseUntil, next.retentionMs)
        await release(lease)
      }
    },
  },
  {
    name: 'an owner that was taken over is told that the operation is running when it claims again',
    group,
    async run({ claim, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      granted(await claim(rival(request, { leaseMs: LONG_MS })))
      running(await claim(request))
    },
  },
  {
    name: 'a done operation answers with its result, its id and the fence that settled it',
    group,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      await context.complete(completion(lease, aValue('the answer')))
      const answer = done(await unchanged(context, request.id, () => context.claim(rival(request))))
      assert.deepEqual({ id: answer.id, fence: answer.fence }, { id: request.id, fence: lease.fence })
      sameResult(answer.result, aValue('the answer'))
    },
  },
  {
    name: 'the owner itself is told that the operation is done when it claims again',
    group,
    async run({ claim, complete }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      await complete(completion(lease, aValue('mine')))
      sameResult(done(await claim(request)).result, aValue('mine'))
    },
  },
  {
    name: 'a done operation whose retention is over is new, also to another payload',
    group,
    async run({ claim, complete, find, pass }) {
      const request = fresh()
      const first = granted(await claim(request))
      const { createdAt = Infinity } = (await find(request.id)) ?? {}
      await complete(completion(first.lease, aValue('old'), BRIEF_MS))
      mismatched(await claim(strange(request)))
      await pass(BRIEF_MS)
      const { attempt, starts, steps, lease } = granted(await claim(strange(request)))
      assert.deepEqual({ attempt, starts, steps }, { attempt: 1, starts: 1, steps: [] })
      isAbove(lease.fence, first.lease.fence)
      const record = await find(request.id)
      assert.deepEqual([record?.state, record?.result], ['running', undefined])
      assert.ok((record?.createdAt ?? 0) >= createdAt + BRIEF_MS, 'its life begins anew')
      mismatched(await claim(rival(request)))
    },
  },
  {
    name: 'an abandoned operation whose retention is over is new, also to another payload',
    group,
    async run({ claim, renew, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      const steps = [{ name: 'charged', result: new Uint8Array(1) }]
      assert.equal(await renew({ lease, leaseMs: BRIEF_MS, retentionMs: BRIEF_MS, steps }), 'ok')
      await pass(2 * BRIEF_MS)
      const next = granted(await claim(strange(request)))
      assert.deepEqual(
        { attempt: next.attempt, starts: next.starts, steps: next.steps },
        { attempt: 1, starts: 1, steps: [] },
      )
      isAbove(next.lease.fence, lease.fence)
    },
  },
]
