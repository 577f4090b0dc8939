import assert from 'node:assert/strict'
import { memoryStore } from '../../stores/memory/index.ts'
import { type FaultPlan, faultyStore } from '../faulty-store.ts'
import { refused, replayOf, sameAnswer } from './client.ts'
import type { HttpCase, HttpContext } from './harness.ts'
import { created, type Desk, desk, newKey, openSite, type SiteSpec, settled } from './site.ts'

const group = 'a store that fails'
const storeTimeoutMs = 250

function faulty(context: HttpContext, orders: Desk, plan: FaultPlan, spec: SiteSpec = {}) {
  const store = faultyStore(memoryStore(), plan)
  return openSite(context, orders, { ...spec, store, engine: { storeTimeoutMs, ...spec.engine } })
}

export const storeDownCases: readonly HttpCase[] = [
  {
    name: 'a store that is down, or does not answer, before the handler is 503 in time, and the handler does not run',
    group,
    ids: ['B21', 'T19'],
    async run(context) {
      for (const kind of ['lose-request', 'hang'] as const) {
        const orders = desk()
        const fault = kind === 'hang' ? { kind, applied: false } : { kind }
        const site = await faulty(context, orders, (verb) => (verb === 'claim' ? fault : undefined))
        const began = performance.now()
        const answer = await site.ask('/orders', { key: newKey() })
        refused(answer, 503, 'store-unavailable')
        assert.ok(Number(answer.header('retry-after')) >= 1)
        assert.ok(performance.now() - began < 8_000, 'a store that is down is no reason to hang')
        assert.equal(orders.runs, 0)
      }
    },
  },
  {
    name: 'where it was written out, the handler runs unprotected while the store is down',
    group,
    ids: ['B21'],
    async run(context) {
      const orders = desk()
      const site = await faulty(context, orders, (verb) => (verb === 'claim' ? { kind: 'lose-request' } : undefined), {
        options: { onStoreDown: 'run' },
      })
      const ask = { key: newKey() }
      assert.equal((await site.ask('/orders', ask)).status, 201)
      assert.equal((await site.ask('/orders', ask)).status, 201)
      assert.equal(orders.runs, 2)
      assert.equal(site.events.filter(({ type }) => type === 'unprotected').length, 2)
    },
  },
  {
    name: 'a claim whose answer was lost is recognised, and the handler runs once',
    group,
    ids: ['B23'],
    async run(context) {
      const orders = desk()
      const site = await faulty(context, orders, { claim: { 1: { kind: 'lose-reply' } } })
      const ask = { key: newKey() }
      const first = await site.ask('/orders', ask)
      assert.equal(first.status, 201)
      replayOf(await site.ask('/orders', ask), first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a record that was written though nobody heard of it is found',
    group,
    ids: ['B22'],
    async run(context) {
      const orders = desk()
      const site = await faulty(context, orders, { complete: { 1: { kind: 'lose-reply' } } })
      const ask = { key: newKey() }
      const first = await site.ask('/orders', ask)
      assert.equal(first.status, 201)
      sameAnswer(await settled(site, '/orders', ask), first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'the client gets its answer though the record cannot be written, and its duplicates once it can',
    group,
    ids: ['B22'],
    async run(context) {
      const orders = desk()
      let down = true
      const site = await faulty(context, orders, (verb) =>
        verb === 'complete' && down ? { kind: 'lose-request' } : undefined,
      )
      const ask = { key: newKey() }
      const first = await site.ask('/orders', ask)
      assert.deepEqual([first.status, orders.runs], [201, 1])
      refused(await site.ask('/orders', ask), 409, 'conflict')
      down = false
      const again = await settled(site, '/orders', ask)
      replayOf(again, first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a record that is never written is an abandoned operation, and the policy for those decides',
    group,
    ids: ['B22', 'B15'],
    async run(context) {
      const orders = desk()
      const site = await faulty(
        context,
        orders,
        (verb) => (verb === 'complete' || verb === 'renew' ? { kind: 'lose-request' } : undefined),
        { options: { leaseMs: 300, onAbandoned: 'hold' } },
      )
      const ask = { key: newKey() }
      assert.equal((await site.ask('/orders', ask)).status, 201)
      const again = await settled(site, '/orders', ask)
      refused(again, 409, 'outcome-unknown')
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'who has the answer can have it again at once, however slow the store is',
    group,
    ids: ['B22', 'C9'],
    async run(context) {
      const parts = async function* () {
        yield Buffer.from('in two ')
        yield Buffer.from('parts')
      }
      const orders = desk((run) => (run % 2 === 1 ? created({ run }) : { status: 200, body: parts() }))
      const slow = { kind: 'delay-request', ms: 40 } as const
      const site = await faulty(context, orders, (verb) => (verb === 'complete' ? slow : undefined))
      for (let round = 1; round <= 6; round++) {
        const ask = { key: newKey() }
        const first = await site.ask('/orders', ask)
        replayOf(await site.ask('/orders', ask), first)
        assert.equal(orders.runs, round)
      }
    },
  },
  {
    name: 'a release that is lost is made up for, and the key is free again',
    group,
    ids: ['B22', 'B14'],
    async run(context) {
      const orders = desk((run) => ({ status: run === 1 ? 500 : 201, body: '' }))
      const site = await faulty(context, orders, { release: { 1: { kind: 'lose-request' } } })
      const ask = { key: newKey() }
      assert.equal((await site.ask('/orders', ask)).status, 500)
      assert.equal((await settled(site, '/orders', ask)).status, 201)
    },
  },
]
