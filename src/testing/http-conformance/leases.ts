import assert from 'node:assert/strict'
import { memoryStore } from '../../stores/memory/index.ts'
import { faultyStore } from '../faulty-store.ts'
import { refused, replayOf, sameAnswer } from './client.ts'
import type { HttpCase, HttpContext } from './harness.ts'
import { created, type Desk, desk, gate, newKey, openSite, pause, type SiteSpec, settled, until } from './site.ts'

const group = 'long and lost handlers'
const leaseMs = 500
/** For cases where something must happen within a lease after the takeover, on a busy machine. */
const longLeaseMs = 1_500

/** Two servers on one store; the first one's heartbeat does not reach it. */
async function staleAndFresh(context: HttpContext, orders: Desk, options: SiteSpec['options'] = {}) {
  const store = memoryStore()
  const cut = faultyStore(store, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
  const spec = { options: { leaseMs, ...options }, engine: { storeTimeoutMs: 200 } }
  return {
    stale: await openSite(context, orders, { ...spec, store: cut }),
    fresh: await openSite(context, orders, { ...spec, store }),
  }
}

/** A handler whose first run waits at a gate. */
function doored(first: (run: number) => ReturnType<typeof created>) {
  const door = gate()
  const orders = desk(async (run) => {
    if (run > 1) return created({ run })
    await door.passed
    return first(run)
  })
  return { door, orders }
}

export const leaseCases: readonly HttpCase[] = [
  {
    name: 'a handler that takes ten times its lease is not taken over while it is alive',
    group,
    ids: ['B19'],
    async run(context) {
      const { door, orders } = doored((run) => created({ run }))
      const site = await openSite(context, orders, { options: { leaseMs } })
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      for (let again = 0; again < 10; again++) {
        await pause(leaseMs)
        refused(await site.ask('/orders', ask), 409, 'conflict')
      }
      door.open()
      replayOf(await settled(site, '/orders', ask), await first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a handler that was taken over cannot answer over its successor',
    group,
    ids: ['B15', 'B16'],
    async run(context) {
      const { door, orders } = doored((run) => created({ run, stale: true }))
      const { stale, fresh } = await staleAndFresh(context, orders, { leaseMs: longLeaseMs })
      const ask = { key: newKey() }
      const late = stale.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the first handler runs')
      const second = await settled(fresh, '/orders', ask)
      assert.deepEqual([second.status, second.replayed, orders.runs], [201, false, 2])
      // Takeover and signal both happen at the end of the lease, by separate timers.
      const told = orders.seen[0]?.op?.signal
      if (told !== undefined) await until(() => told.aborted, 'the first one is told')
      door.open()
      // The owner answers with the stored result, not with its own.
      sameAnswer(await late, second)
      for (const site of [fresh, stale]) replayOf(await settled(site, '/orders', ask), second)
      assert.equal(orders.runs, 2)
      const [one, two] = orders.seen
      if (one?.op !== undefined && two?.op !== undefined) {
        assert.ok(two.op.fence > one.op.fence, 'fences grow')
        assert.ok(one.op.signal.aborted, 'the first one was told')
        assert.equal(two.op.attempt, 2)
      }
    },
  },
  {
    name: 'a handler that was taken over cannot free the key of its successor by failing',
    group,
    ids: ['B17'],
    async run(context) {
      const door = gate()
      const done = gate()
      const orders = desk(async (run) => {
        await (run === 1 ? door : done).passed
        return run === 1 ? { status: 500, body: '' } : created({ run })
      })
      const { stale, fresh } = await staleAndFresh(context, orders)
      const ask = { key: newKey() }
      const late = stale.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the first handler runs')
      const second = settled(fresh, '/orders', ask)
      await until(() => orders.runs === 2, 'the second handler runs')
      door.open()
      assert.ok((await late).status >= 400)
      refused(await fresh.ask('/orders', ask), 409, 'conflict')
      done.open()
      sameAnswer(await settled(fresh, '/orders', ask), await second)
      assert.equal(orders.runs, 2)
    },
  },
  {
    name: 'an abandoned request is held back, where the policy says so, until somebody decides',
    group,
    ids: ['B15'],
    async run(context) {
      const { door, orders } = doored((run) => created({ run }))
      const { stale, fresh } = await staleAndFresh(context, orders, { onAbandoned: 'hold' })
      const ask = { key: newKey() }
      const late = stale.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the first handler runs')
      refused(await settled(fresh, '/orders', ask), 409, 'outcome-unknown')
      door.open()
      assert.ok((await late).status >= 400)
      refused(await fresh.ask('/orders', ask), 409, 'outcome-unknown')
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'an abandoned request that is known to have happened is answered with what is known',
    group,
    ids: ['B15'],
    async run(context) {
      const { door, orders } = doored((run) => created({ run }))
      const { stale, fresh } = await staleAndFresh(context, orders, {
        onAbandoned: () => ({
          happened: true,
          status: 201,
          headers: [
            ['content-type', 'text/plain'],
            ['set-cookie', 'never=kept'],
          ],
          body: 'found',
        }),
      })
      const ask = { key: newKey() }
      const late = stale.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the first handler runs')
      for (let again = 0; again < 2; again++) {
        const answer = await settled(fresh, '/orders', ask)
        assert.deepEqual(
          [answer.status, answer.body.toString(), answer.header('content-type')],
          [201, 'found', 'text/plain'],
        )
        assert.equal(answer.header('set-cookie'), undefined)
      }
      door.open()
      await late
      assert.equal(orders.runs, 1)
    },
  },
]
