import assert from 'node:assert/strict'
import type { Store } from '../../core/store.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { type Answer, replayOf } from './client.ts'
import type { HttpCase, HttpContext } from './harness.ts'
import { created, desk, gate, newKey, openSite, pause, settled, until } from './site.ts'

const group = 'clients that leave'

const WHOLE = /^part 0 .* part 19 $/

/** Returns what a client gets that left in the middle of a long answer and asks again. */
async function cameBack(context: HttpContext): Promise<Answer> {
  const parts = async function* () {
    for (let part = 0; part < 20; part++) {
      yield Buffer.from(`part ${part} `)
      await pause(10)
    }
  }
  const files = desk(() => ({ status: 200, headers: [['content-type', 'text/plain']], body: parts() }))
  const site = await openSite(context, files)
  const ask = { key: newKey() }
  await site.abandon('/orders', ask, 'answered')
  const again = await settled(site, '/orders', ask)
  assert.deepEqual([again.status, again.replayed, files.runs], [200, true, 1])
  return again
}

export const abortCases: readonly HttpCase[] = [
  {
    name: 'a client that leaves while the handler runs can come back for its answer',
    group,
    ids: ['B24'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        await door.passed
        return created({ run })
      })
      const site = await openSite(context, orders)
      const ask = { key: newKey() }
      await site.abandon('/orders', ask, () => until(() => orders.runs === 1, 'the handler runs'))
      await pause(30)
      assert.equal(orders.seen[0]?.op?.signal.aborted ?? false, false, 'the handler is not told to stop')
      door.open()
      const again = await settled(site, '/orders', ask)
      assert.deepEqual([again.status, again.replayed, orders.runs], [201, true, 1])
    },
  },
  {
    name: 'a client that leaves in the middle of the answer does not make the handler run again',
    group,
    ids: ['B24'],
    async run(context) {
      const again = await cameBack(context)
      if (again.header('idempotency-body-omitted') === undefined) assert.match(again.body.toString(), WHOLE)
      else assert.equal(again.header('idempotency-body-omitted'), 'cut-off')
    },
  },
  {
    name: 'a client that leaves in the middle of the answer can come back for all of it',
    group,
    ids: ['B24'],
    async run(context) {
      assert.match((await cameBack(context)).body.toString(), WHOLE)
    },
  },
  {
    name: 'a client that leaves before the record is durable leaves it to become so',
    group,
    ids: ['B24'],
    async run(context) {
      const orders = desk()
      const store = memoryStore()
      let door = gate()
      let asked = 0
      const held: Store = {
        ...store,
        async complete(completions) {
          asked++
          await door.passed
          return store.complete(completions)
        },
      }
      const site = await openSite(context, orders, { store: held })
      context.after(() => door.open())
      for (let round = 0; round < 30; round++) {
        const ask = { key: `round-${round}` }
        door = gate()
        await site.abandon('/orders', ask, () => until(() => asked > round, 'the record is being written'))
        await pause(5)
        door.open()
        const again = await settled(site, '/orders', ask)
        assert.deepEqual([again.status, again.replayed, orders.runs], [201, true, round + 1])
      }
    },
  },
  {
    name: 'clients that leave during a replay never make the handler run again',
    group,
    ids: ['B24'],
    async run(context) {
      const body = Buffer.alloc(200_000, 'x')
      const files = desk(() => ({ status: 200, headers: [['content-type', 'application/octet-stream']], body }))
      const site = await openSite(context, files)
      const ask = { key: newKey() }
      const first = await site.ask('/orders', ask)
      const leave = (n: number) => site.abandon('/orders', ask, n % 2 === 0 ? 'sent' : 'answered')
      await Promise.all(Array.from({ length: 60 }, (_, n) => leave(n)))
      replayOf(await site.ask('/orders', ask), first)
      assert.equal(files.runs, 1)
    },
  },
  {
    name: 'clients that leave while they wait take nothing from those that stay',
    group,
    ids: ['B24', 'B2'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        await door.passed
        return created({ run })
      })
      const site = await openSite(context, orders, { options: { onInFlight: 'wait', waitMs: 10_000 } })
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      const stays = site.ask('/orders', ask)
      await Promise.all(Array.from({ length: 10 }, () => site.abandon('/orders', ask, () => pause(20))))
      door.open()
      replayOf(await stays, await first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'an answer without end is stopped when its client left and no more of it is kept',
    group,
    ids: ['B24', 'T5'],
    async run(context) {
      let stopped = false
      const endless = async function* () {
        try {
          for (;;) {
            yield Buffer.alloc(1_000, 'x')
            await pause(1)
          }
        } finally {
          stopped = true
        }
      }
      const files = desk(() => ({ status: 200, headers: [['content-type', 'text/plain']], body: endless() }))
      const site = await openSite(context, files, { options: { maxBodyBytes: 20_000 } })
      const ask = { key: newKey() }
      await site.abandon('/orders', ask, 'answered')
      const again = await settled(site, '/orders', ask)
      assert.deepEqual([again.status, again.replayed, files.runs], [200, true, 1])
      assert.ok(again.header('idempotency-body-omitted') !== undefined)
      await until(() => stopped, 'the source is stopped')
    },
  },
  {
    name: 'an answer that breaks off after its client left frees the key',
    group,
    ids: ['B24', 'B14'],
    async run(context) {
      const door = gate()
      const half = async function* () {
        yield Buffer.from('half of ')
        await door.passed
        throw new Error('the source failed on purpose')
      }
      const files = desk((run) => (run === 1 ? { status: 200, body: half() } : created({ run })))
      const site = await openSite(context, files)
      const ask = { key: newKey() }
      await site.abandon('/orders', ask, 'answered')
      await pause(30)
      door.open()
      const again = await settled(site, '/orders', ask)
      assert.deepEqual([again.status, again.replayed, files.runs], [201, false, 2])
    },
  },
  {
    name: 'a handler that fails after its client left frees the key',
    group,
    ids: ['B24', 'B14'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        if (run > 1) return created({ run })
        await door.passed
        throw new Error('the handler failed on purpose')
      })
      const site = await openSite(context, orders)
      const ask = { key: newKey() }
      await site.abandon('/orders', ask, () => until(() => orders.runs === 1, 'the handler runs'))
      await pause(30)
      door.open()
      const again = await settled(site, '/orders', ask)
      assert.deepEqual([again.status, again.replayed, orders.runs], [201, false, 2])
    },
  },
]
