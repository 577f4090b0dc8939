import assert from 'node:assert/strict'
import { OnlyonceError } from '../../core/errors.ts'
import {
  aValue,
  completion,
  done,
  fresh,
  granted,
  LONG_MS,
  type Need,
  rival,
  rivalBeside,
  type StoreCase,
  sameResult,
  transactional,
} from './harness.ts'

const group = 'atomic'
const needs: readonly Need[] = ['transactional']

const undo = new Error('undo this')

export const atomicRaceCases: readonly StoreCase[] = [
  {
    name: 'a rival in another transaction waits for the first, and is told its result',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const request = fresh()
      const second = rivalBeside(store, (tx) => store.within(tx).claim(rival(request)))
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const { lease } = granted(await claims.claim(request))
        await second.begins()
        await claims.complete(completion(lease, aValue('first')))
        second.mayBeAnswered()
      })
      sameResult(done(await second.answer).result, aValue('first'))
    },
  },
  {
    name: 'a rival in another transaction is granted when the first is undone',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const request = fresh()
      const second = rivalBeside(store, (tx) => store.within(tx).claim(rival(request)))
      const first = store.transaction(async (tx) => {
        granted(await store.within(tx).claim(request))
        await second.begins()
        second.mayBeAnswered()
        throw undo
      })
      await assert.rejects(first, (thrown) => thrown === undo)
      granted(await second.answer)
    },
  },
  {
    name: 'of 10 concurrent transactions that claim one operation exactly one is granted',
    group,
    needs,
    async run({ store: opened }) {
      const store = transactional(opened)
      const request = fresh()
      const claims = Array.from({ length: 10 }, (_, index) =>
        store.transaction(async (tx) => {
          const claim = await store.within(tx).claim(rival(request))
          if (claim.kind === 'granted') await store.within(tx).complete(completion(claim.lease, aValue(`${index}`)))
          return claim
        }),
      )
      const outcomes = await Promise.all(claims)
      assert.equal(outcomes.filter((outcome) => outcome.kind === 'granted').length, 1)
      const winner = outcomes.findIndex((outcome) => outcome.kind === 'granted')
      for (const [index, outcome] of outcomes.entries()) {
        if (index !== winner) sameResult(done(outcome).result, aValue(`${winner}`))
      }
    },
  },
  {
    name: 'guarded work that throws is undone alone, and the transaction goes on',
    group,
    needs,
    async run({ store: opened, find }) {
      const store = transactional(opened)
      const [before, inside, after] = [fresh(), fresh(), fresh()]
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        granted(await claims.claim(before))
        const work = claims.guarded(async () => {
          granted(await claims.claim(inside))
          throw undo
        })
        await assert.rejects(work, (thrown) => thrown === undo)
        granted(await claims.claim(after))
      })
      assert.equal((await find(before.id))?.state, 'done')
      assert.equal(await find(inside.id), undefined)
      assert.equal((await find(after.id))?.state, 'done')
    },
  },
  {
    name: 'an operation undone by guarded can be claimed again in the same transaction',
    group,
    needs,
    async run({ store: opened, claim }) {
      const store = transactional(opened)
      const request = fresh()
      await store.transaction(async (tx) => {
        const claims = store.within(tx)
        const work = claims.guarded(async () => {
          granted(await claims.claim(request))
          throw undo
        })
        await assert.rejects(work)
        const { lease, starts } = granted(await claims.claim(request))
        assert.equal(starts, 1)
        assert.equal(await claims.complete(completion(lease, { kind: 'error', body: aValue('no').body })), 'ok')
      })
      assert.equal(done(await claim(rival(request))).result.kind, 'error')
    },
  },
  {
    name: 'guarded work that succeeds answers its value and commits with the transaction, or is undone with it',
    group,
    needs,
    async run({ store: opened, find }) {
      const store = transactional(opened)
      const [kept, undone] = [fresh(), fresh()]
      const claimed = (request: typeof kept, fails: boolean) =>
        store.transaction(async (tx) => {
          const claims = store.within(tx)
          const value = await claims.guarded(async () => granted(await claims.claim(request)).lease.owner)
          if (fails) throw undo
          return value
        })
      assert.equal(await claimed(kept, false), kept.owner)
      await assert.rejects(claimed(undone, true), (thrown) => thrown === undo)
      assert.equal((await find(kept.id))?.state, 'done')
      assert.equal(await find(undone.id), undefined)
    },
  },
  {
    name: 'guarded work that ends the transaction itself is OUTCOME_UNKNOWN',
    group,
    needs: ['transactional', 'endTransaction'],
    async run({ store: opened, endTransaction, claim }) {
      const store = transactional(opened)
      const work = store.transaction(async (tx) => {
        await store.within(tx).guarded(async () => {
          granted(await store.within(tx).claim(fresh()))
          await endTransaction?.(tx)
        })
      })
      await assert.rejects(work, (thrown) => OnlyonceError.is(thrown) && thrown.code === 'OUTCOME_UNKNOWN')
      granted(await claim(fresh()))
    },
  },
  {
    name: 'a store is usable after transactions that failed in turn',
    group,
    needs,
    async run({ store: opened, claim }) {
      const store = transactional(opened)
      for (let round = 0; round < 30; round++) {
        await assert.rejects(store.transaction(() => Promise.reject(undo)))
      }
      granted(await claim(fresh({ leaseMs: LONG_MS })))
    },
  },
]
