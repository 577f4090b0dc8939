import assert from 'node:assert/strict'
import { decodeResult } from '../../core/codec.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  isAbove,
  LONG_MS,
  mismatched,
  type Need,
  rival,
  running,
  type StoreCase,
  sameResult,
  strange,
  transactional,
  unchanged,
} from './harness.ts'

const group = 'atomic'
const needs: readonly Need[] = ['transactional']

const undo = new Error('undo this')

export const atomicCases: readonly StoreCase[] = [
  {
    name: 'a claim commits with its transaction as done, without a value',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh()
      const claim = await store.transaction((tx) => store.within(tx).claim(request))
      const { lease, attempt, starts, steps } = granted(claim)
      assert.deepEqual(
        { attempt, starts, steps, owner: lease.owner },
        { attempt: 1, starts: 1, steps: [], owner: request.owner },
      )
      const answer = done(await context.claim(rival(request)))
      assert.deepEqual([answer.id, answer.fence, answer.result.kind], [request.id, lease.fence, 'value'])
      assert.equal(decodeResult(answer.result.body), undefined)
    },
  },
  {
    name: 'a claim and its completion commit together, for the retention of the completion',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh()
      const answer = await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const { lease } = granted(await claims.claim(request))
        return claims.complete(completion(lease, aValue('v'), BRIEF_MS))
      })
      assert.equal(answer, 'ok')
      sameResult(done(await context.claim(rival(request))).result, aValue('v'))
      await context.pass(BRIEF_MS)
      granted(await context.claim(rival(request)))
    },
  },
  {
    name: 'a transaction that throws leaves no trace, and throws what was thrown',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh()
      const work = store.transaction(async (tx) => {
        const claims = store.within(tx)
        const { lease } = granted(await claims.claim(request))
        await claims.complete(completion(lease, aValue('v')))
        throw undo
      })
      await assert.rejects(work, (thrown) => thrown === undo)
      assert.equal(await context.find(request.id), undefined)
      const { attempt, starts } = granted(await context.claim(strange(request)))
      assert.deepEqual({ attempt, starts }, { attempt: 1, starts: 1 })
    },
  },
  {
    name: 'a transaction that throws leaves an older record as it was',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh()
      await context.release(granted(await context.claim(request)).lease)
      const work = () =>
        store.transaction(async (tx) => {
          granted(await store.within(tx).claim(rival(request)))
          throw undo
        })
      await unchanged(context, request.id, () => assert.rejects(work))
    },
  },
  {
    name: 'a claim in a transaction answers done, running and mismatch as any claim does, and changes nothing',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const atomically = (request: Parameters<typeof context.claim>[0]) =>
        unchanged(context, request.id, () => store.transaction((tx) => store.within(tx).claim(request)))
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      assert.ok(running(await atomically(rival(request))).retryAfterMs > 0)
      mismatched(await atomically(strange(request)))
      await context.complete(completion(lease, aValue('v')))
      const answer = done(await atomically(rival(request)))
      assert.deepEqual([answer.id, answer.fence], [request.id, lease.fence])
      sameResult(answer.result, aValue('v'))
      mismatched(await atomically(strange(request)))
    },
  },
  {
    name: 'a claim in a transaction takes an abandoned operation over, with its steps and a larger fence',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      const steps = [{ name: 'one', result: new Uint8Array(2) }]
      await context.renew({ lease, leaseMs: BRIEF_MS, retentionMs: LONG_MS, steps })
      await context.pass(BRIEF_MS)
      const claim = granted(await store.transaction((tx) => store.within(tx).claim(rival(request))))
      assert.deepEqual([claim.attempt, claim.starts, claim.steps.length], [2, 2, 1])
      isAbove(claim.lease.fence, lease.fence)
      assert.equal(await context.complete(completion(lease, aValue('late'))), 'lost')
      done(await context.claim(request))
    },
  },
  {
    name: 'fences grow across atomic and leased claims, rollback and forget',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh()
      let last = 0
      for (let round = 0; round < 3; round++) {
        const leased = granted(await context.claim(rival(request))).lease
        isAbove(leased.fence, last)
        await context.release(leased)
        await assert.rejects(
          store.transaction(async (tx) => {
            granted(await store.within(tx).claim(rival(request)))
            throw undo
          }),
        )
        const atomic = granted(await store.transaction((tx) => store.within(tx).claim(rival(request)))).lease
        isAbove(atomic.fence, leased.fence)
        last = atomic.fence
        await store.forget([request.id])
      }
    },
  },
  {
    name: 'one transaction may claim several operations, and commits or undoes all of them',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const requests = [fresh(), fresh()] as const
      const claimBoth = (fails: boolean) =>
        store.transaction(async (tx) => {
          for (const request of requests) granted(await store.within(tx).claim(request))
          if (fails) throw undo
        })
      await assert.rejects(claimBoth(true))
      for (const { id } of requests) assert.equal(await context.find(id), undefined)
      await claimBoth(false)
      for (const { id } of requests) assert.equal((await context.find(id))?.state, 'done')
    },
  },
  {
    name: 'a completion in a transaction by a lease that no longer counts is lost',
    group,
    needs,
    async run(context) {
      const store = transactional(context.store)
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      const late = () => store.transaction((tx) => store.within(tx).complete(completion(lease, aValue('late'))))
      assert.equal(await unchanged(context, request.id, late), 'lost')
    },
  },
]
