import assert from 'node:assert/strict'
import { memoryStore } from '../../stores/memory/index.ts'
import { faultyStore } from '../faulty-store.ts'
import { refused, replayOf } from './client.ts'
import type { HttpCase } from './harness.ts'
import { created, desk, gate, newKey, openSite, pause, until } from './site.ts'

const group = 'waiting'

const held = () => {
  const door = gate()
  const orders = desk(async (run) => {
    await door.passed
    return created({ run })
  })
  return { door, orders }
}

export const waitingCases: readonly HttpCase[] = [
  {
    name: '50 duplicates that wait all get the answer of the first, and the store is not asked over and over',
    group,
    ids: ['B2'],
    async run(context) {
      const { door, orders } = held()
      let asked = 0
      const counting = faultyStore(memoryStore(), (verb) => {
        if (verb === 'claim' || verb === 'find') asked++
        return undefined
      })
      const site = await openSite(context, orders, {
        store: counting,
        options: { onInFlight: 'wait', waitMs: 10_000 },
      })
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      const others = Array.from({ length: 50 }, () => site.ask('/orders', ask))
      await pause(150)
      door.open()
      for (const answer of await Promise.all(others)) replayOf(answer, await first)
      assert.equal(orders.runs, 1)
      assert.ok(asked <= 105, `${asked} store calls for 51 requests`)
    },
  },
  {
    name: 'who has waited long enough is refused with 409',
    group,
    ids: ['B2', 'C10'],
    async run(context) {
      const { door, orders } = held()
      const site = await openSite(context, orders, { options: { onInFlight: 'wait', waitMs: 100 } })
      context.after(door.open)
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      const began = performance.now()
      refused(await site.ask('/orders', ask), 409, 'conflict')
      const waited = performance.now() - began
      assert.ok(waited > 90, `was refused after ${waited} ms, was to wait 100 ms`)
      door.open()
      assert.equal((await first).status, 201)
    },
  },
  {
    name: 'no more than so many wait at a time; the others are refused at once',
    group,
    ids: ['B2', 'T5'],
    async run(context) {
      const { door, orders } = held()
      const options = { onInFlight: 'wait', waitMs: 10_000, maxWaiting: 3 } as const
      const site = await openSite(context, orders, { options })
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      let refusals = 0
      const others = Array.from({ length: 10 }, async () => {
        const answer = await site.ask('/orders', ask)
        if (answer.status === 409) refusals++
        return answer
      })
      await until(() => refusals >= 7, 'seven are refused')
      door.open()
      const answers = await Promise.all(others)
      assert.equal(answers.filter((answer) => answer.replayed).length, 3)
      assert.equal((await first).status, 201)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'when the first frees the key, one of those that wait runs the handler',
    group,
    ids: ['B2', 'B14'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        if (run > 1) return created({ run })
        await door.passed
        return { status: 503, body: '' }
      })
      const site = await openSite(context, orders, { options: { onInFlight: 'wait', waitMs: 10_000 } })
      const ask = { key: newKey() }
      const first = site.ask('/orders', ask)
      await until(() => orders.runs === 1, 'the handler runs')
      const others = Array.from({ length: 5 }, () => site.ask('/orders', ask))
      await pause(50)
      door.open()
      assert.equal((await first).status, 503)
      const answers = await Promise.all(others)
      assert.equal(orders.runs, 2)
      assert.equal(answers.filter((answer) => answer.status === 201 && !answer.replayed).length, 1)
      assert.equal(answers.filter((answer) => answer.replayed).length, 4)
    },
  },
]
