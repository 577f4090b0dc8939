import assert from 'node:assert/strict'
import { faultyStore } from '../faulty-store.ts'
import { messageOf, names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { inOrder, oneEffectEach } from './oracles.ts'
import { pause, until } from './waiting.ts'
import { engineOn } from './worker.ts'

const group = 'outages'

export const outageCases: readonly MessagingCase[] = [
  {
    name: 'connections are lost in the middle of the work, three times: every message takes effect once',
    group,
    ids: ['5', 'C5'],
    oracles: ['E1', 'A1'],
    needs: ['cut'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 60)
      await desk.publish(ids)
      desk.consume({ takesMs: 30, pulling: { concurrency: 4 } })
      for (let round = 1; round <= 3; round++) {
        await until('it works', () => new Set(desk.starts()).size >= round * 10)
        await desk.topic.faults?.cut?.()
      }
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.deepEqual(await desk.parked(), [])
    },
  },
  {
    name: 'a connection that is lost keeps the order of each ordering key',
    group,
    ids: ['5', 'C20'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['cut', 'ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const messages = names('', 15).flatMap((at) => ['x', 'y'].map((key) => messageOf(`${key}${at}`, key)))
      await desk.publish(messages)
      desk.consume({ takesMs: 20 })
      for (let round = 1; round <= 2; round++) {
        await until('it works', () => new Set(desk.starts()).size >= round * 8)
        await desk.topic.faults?.cut?.()
      }
      await desk.drained()
      const rows = await desk.rows()
      oneEffectEach(
        rows,
        messages.map(({ id = '' }) => id),
      )
      inOrder(rows, messages)
    },
  },
  {
    name: 'the broker is killed and comes back: no message is lost, and each takes effect once',
    group,
    ids: ['C5'],
    oracles: ['E1', 'A1'],
    needs: ['breakable'],
    async run(context) {
      const desk = await openDesk(context, { breakable: true })
      const ids = names('m', 60)
      await desk.publish(ids)
      desk.consume({ takesMs: 30, pulling: { concurrency: 4 } })
      await until('it works', () => desk.starts().length >= 10)
      await desk.topic.faults?.down?.()
      await pause(500)
      await desk.topic.faults?.up?.()
      // A broker that has just restarted may not have loaded its messages yet.
      await until('the others were handled too', () => new Set(desk.starts()).size === ids.length)
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      await until('it takes messages again', async () => {
        await desk.publish(['afterwards'])
        return true
      })
      await desk.drained()
      oneEffectEach(await desk.rows(), [...ids, 'afterwards'])
    },
  },
  {
    name: 'while the store is down nothing is acknowledged or put aside; afterwards all take effect',
    group,
    ids: ['24', 'C23'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      let down = true
      const plan = () => (down ? ({ kind: 'lose-request' } as const) : undefined)
      const once = engineOn({ ...desk.ledger, store: faultyStore(desk.ledger.store, plan) })
      const ids = names('m', 10)
      await desk.publish(ids)
      desk.consume({ delivers: 'at-least-once' }, { once } as never)
      await until('it tried', () => desk.settled.length > 0)
      await pause(200)
      // If a broker is slow to confirm that a message is still ours, the verdict is none, which says nothing about it.
      const told = desk.settled.filter((one) => !one.endsWith(' retry') && !one.endsWith(' none'))
      assert.deepEqual(told, [])
      assert.deepEqual(desk.starts(), [])
      down = false
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.deepEqual(await desk.parked(), [])
    },
  },
  {
    name: 'the answer to a commit is lost: it is asked again, and each takes effect once',
    group,
    ids: ['6', 'C6'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const plan = (verb: string, call: number) =>
        verb === 'transaction' && call % 3 === 1 ? ({ kind: 'lose-reply' } as const) : undefined
      const once = engineOn({ ...desk.ledger, store: faultyStore(desk.ledger.store, plan as never) })
      const ids = names('m', 12)
      await desk.publish(ids)
      desk.consume({}, { once } as never)
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.deepEqual(await desk.parked(), [])
    },
  },
]
