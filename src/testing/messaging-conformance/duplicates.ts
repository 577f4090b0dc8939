import assert from 'node:assert/strict'
import { names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { oneEffectEach, oneOutputSet } from './oracles.ts'
import { gate, pause, until } from './waiting.ts'

const group = 'duplicates'

export const duplicateCases: readonly MessagingCase[] = [
  {
    name: 'every message takes effect once, and nothing is left',
    group,
    ids: ['C5'],
    oracles: ['E1', 'A1', 'S1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 60)
      await desk.publish(ids)
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      oneOutputSet(desk.attempts())
      assert.equal(desk.starts().length, ids.length)
    },
  },
  {
    name: 'a message that its producer sends again, before or after it was handled, takes effect once',
    group,
    ids: ['P3', 'P4'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a', 'a', 'b', 'a'])
      desk.consume()
      await desk.drained()
      await desk.publish(['a', 'c', 'b'])
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b', 'c'])
      assert.deepEqual(desk.starts().toSorted(), ['a', 'b', 'c'])
    },
  },
  {
    name: 'duplicates that arrive together at several consumers start one handler, and all are acknowledged',
    group,
    ids: ['7', 'C7'],
    oracles: ['E1', 'A1'],
    needs: ['keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      const { consumers = 4 } = context.harness.traits
      for (let count = 0; count < consumers; count++) desk.consume({ takesMs: 100 })
      const ids = names('d', 4)
      await desk.publish(ids.flatMap((id) => Array.from({ length: 8 }, () => id)))
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.equal(desk.starts().length, ids.length)
      // Includes what the broker redelivered.
      await until('all are settled', () => desk.settled.filter((one) => one.endsWith(' ack')).length >= 32)
    },
  },
  {
    name: 'a duplicate waits while the first is handled, and is acknowledged only afterwards',
    group,
    ids: ['7', 'C7', 'C2'],
    oracles: ['E1', 'A1'],
    needs: ['keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      const door = gate()
      let starts = 0
      const change = {
        delivers: 'at-least-once',
        // Long, so that a stalled machine does not end the lease. Copies may come earlier.
        leaseMs: 30_000,
        visibilityMs: 1_000,
        handle: async () => {
          starts++
          await door.passed
        },
      } as const
      desk.consume({}, change as never)
      desk.consume({}, change as never)
      context.after(door.open)
      await desk.publish(['slow', 'slow'])
      await until('the handler runs', () => starts > 0)
      await pause(300)
      assert.deepEqual([starts, desk.settled.filter((one) => one === 'slow ack')], [1, []])
      assert.equal(await desk.topic.depth(), 2, 'the broker has both')
      door.open()
      await desk.drained()
      assert.equal(starts, 1)
    },
  },
  {
    name: 'a message whose acknowledgement was lost is delivered again and not handled again',
    group,
    ids: ['5', 'C5'],
    oracles: ['E1', 'A1'],
    needs: ['loseAcks'],
    async run(context) {
      const desk = await openDesk(context)
      const losing = await desk.topic.faults?.loseAcks?.(10)
      assert.ok(losing !== undefined)
      const ids: string[] = []
      desk.consume()
      // In small portions, because one acknowledgement to the broker may cover many messages.
      while (losing.lost < 2 && ids.length < 400) {
        const some = names(`l${ids.length}-`, 10)
        ids.push(...some)
        await desk.publish(some)
        await until('they took effect', () => new Set(desk.starts()).size === ids.length)
      }
      assert.ok(losing.lost > 0, 'no acknowledgement was lost: the case proves nothing')
      await losing.stop()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
    },
  },
  {
    name: 'a consumer of another name has an effect of its own',
    group,
    ids: ['C16', '18'],
    oracles: ['E1', 'A1'],
    needs: ['keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a', 'b'])
      const first = desk.consume({ consumer: 'ledger' })
      await desk.drained()
      await first.stop()
      await desk.publish(['a', 'b'])
      const second = desk.consume({ consumer: 'mails' })
      await until('the other one did its work', async () => (await desk.rows()).length === 8)
      await second.stop()
      // Where each consumer has its own copy of the topic, the first one has messages left.
      desk.consume({ consumer: 'ledger' })
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b'], 'ledger')
      oneEffectEach(await desk.rows(), ['a', 'b'], 'mails')
    },
  },
]
