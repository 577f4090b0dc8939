import assert from 'node:assert/strict'
import type { ClaimOutcome } from '../../core/store.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  done,
  fresh,
  granted,
  isAbove,
  LONG_MS,
  type Need,
  rival,
  rivalBeside,
  running,
  type SingleVerbs,
  type StoreCase,
  type StoreContext,
  sameResult,
  singleVerbs,
  transactional,
} from './harness.ts'
import { append, message } from './outbox-harness.ts'

const group = 'two processes'
/** Short, because real servers sleep. */
const ASKS_AGAIN_MS = 50
const needs: readonly Need[] = ['another']

/** Both sides, as two processes that share the data have them: what one of them remembers, the other does not know. */
async function bothOf(context: StoreContext): Promise<readonly [SingleVerbs, SingleVerbs]> {
  return [context, singleVerbs(await context.openAnother())]
}

/** Asks both sides in turn, all at once. */
function fromBoth<T>(sides: readonly SingleVerbs[], ask: (verbs: SingleVerbs) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: 20 }, (_, index) => ask(sides[index % sides.length] as SingleVerbs)))
}

/** A store that cannot wait for another process asks again, by its clock. */
async function askedAgain<T>({ advance }: StoreContext, answer: Promise<T>): Promise<T> {
  let waits = true
  const over = () => {
    waits = false
  }
  answer.then(over, over)
  while (waits) await advance(ASKS_AGAIN_MS)
  return answer
}

function grants(outcomes: readonly ClaimOutcome[]): number {
  return outcomes.filter((outcome) => outcome.kind === 'granted').length
}

/** What keeps callers of one process apart, such as a lock or a cache in it, does not keep two processes apart. */
export const twoProcessCases: readonly StoreCase[] = [
  {
    name: 'of concurrent claims from two processes exactly one is granted',
    group,
    needs,
    async run(context) {
      const sides = await bothOf(context)
      for (let round = 0; round < 5; round++) {
        const request = fresh()
        assert.equal(grants(await fromBoth(sides, (verbs) => verbs.claim(rival(request)))), 1)
        assert.equal((await context.find(request.id))?.starts, 1)
      }
    },
  },
  {
    name: 'of concurrent takeovers from two processes exactly one is granted',
    group,
    needs,
    async run(context) {
      const sides = await bothOf(context)
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      const takeover = () => rival(request, { leaseMs: LONG_MS })
      assert.equal(grants(await fromBoth(sides, (verbs) => verbs.claim(takeover()))), 1)
      assert.equal((await context.find(request.id))?.attempt, 2)
    },
  },
  {
    name: 'what one process writes the other sees at once',
    group,
    needs,
    async run(context) {
      const [one, other] = await bothOf(context)
      const request = fresh()
      const { lease } = granted(await one.claim(request))
      running(await other.claim(rival(request)))
      assert.equal((await other.find(request.id))?.state, 'running')
      assert.equal(await one.complete(completion(lease, aValue('v'))), 'ok')
      sameResult(done(await other.claim(rival(request))).result, aValue('v'))
      sameResult((await other.find(request.id))?.result, aValue('v'))
      await context.store.forget([request.id])
      assert.equal(await other.find(request.id), undefined)
      granted(await other.claim(rival(request)))
    },
  },
  {
    name: 'a lease that another process took over can neither be renewed, nor completed, nor given back',
    group,
    needs,
    async run(context) {
      const [one, other] = await bothOf(context)
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await one.claim(request))
      await context.pass(BRIEF_MS)
      granted(await other.claim(rival(request, { leaseMs: LONG_MS })))
      assert.equal(await one.renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }), 'lost')
      assert.equal(await one.complete(completion(lease, aValue('late'))), 'lost')
      assert.equal(await one.release(lease), 'lost')
      assert.equal((await other.find(request.id))?.state, 'running')
    },
  },
  {
    name: 'fences grow from one process to the other, also across what either of them forgets',
    group,
    needs,
    async run(context) {
      const sides = await bothOf(context)
      const request = fresh()
      let last = 0
      for (let round = 0; round < 4; round++) {
        const { fence } = granted(await (sides[round % 2] as SingleVerbs).claim(rival(request))).lease
        isAbove(fence, last)
        last = fence
        assert.equal(await context.store.forget([request.id]), 1)
      }
    },
  },
  {
    name: 'a process that opens the data while another one works leaves that one its leases',
    group,
    needs,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      const late = singleVerbs(await context.openAnother())
      running(await late.claim(rival(request)))
      assert.equal(await context.complete(completion(lease, aValue('v'))), 'ok')
    },
  },
  {
    name: 'of sweeps by two processes at once each record is removed by one',
    group,
    needs,
    async run(context) {
      const another = await context.openAnother()
      const over = Array.from({ length: 20 }, () => fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }))
      const live = fresh()
      await context.store.claim(over)
      await context.pass(2 * BRIEF_MS)
      granted(await context.claim(live))
      const removed = await Promise.all([context.store.sweep(100), another.sweep(100)])
      const later = await Promise.all([context.store.sweep(100), another.sweep(100)])
      const total = [...removed, ...later].reduce((sum, count) => sum + count, 0)
      const swept = context.store.traits.selfExpiring ? total <= over.length : total === over.length
      assert.ok(swept, `of ${over.length} records ${total} were counted as removed`)
      assert.equal((await context.find(live.id))?.state, 'running')
    },
  },
  {
    name: 'a rival in a transaction of another process waits for the first, and is told its result',
    group,
    needs: [...needs, 'transactional'],
    async run(context) {
      const store = transactional(context.store)
      const another = transactional(await context.openAnother())
      const request = fresh()
      const second = rivalBeside(another, (tx) => another.within(tx).claim(rival(request)))
      await store.transaction(async (tx) => {
        const { lease } = granted(await store.within(tx).claim(request))
        await second.begins()
        await store.within(tx).complete(completion(lease, aValue('first')))
        second.mayBeAnswered()
      })
      sameResult(done(await askedAgain(context, second.answer)).result, aValue('first'))
    },
  },
  {
    name: 'of relays of two processes one at a time takes what is in the outbox',
    group,
    needs: [...needs, 'transactional'],
    async run(context) {
      const store = transactional(context.store)
      const another = transactional(await context.openAnother())
      const sent = message()
      await append(store, sent)
      const taken = await Promise.all([store.outbox.take('one', LONG_MS, 10), another.outbox.take('two', LONG_MS, 10)])
      assert.deepEqual(
        taken.flatMap((entries) => entries ?? []).map((entry) => entry.id),
        [sent.id],
      )
      assert.equal(taken.filter((entries) => entries === undefined).length, 1)
    },
  },
]
