import assert from 'node:assert/strict'
import { names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { oneEffectEach } from './oracles.ts'
import { gate, pause, until } from './waiting.ts'

const group = 'pausing and stopping'

export const stoppingCases: readonly MessagingCase[] = [
  {
    name: 'a stop lets running handlers finish and gives the rest back: another consumer does it',
    group,
    ids: ['C21'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 40)
      await desk.publish(ids)
      // So long that messages which are not given back do not come again within the case.
      const change = { visibilityMs: 150_000 }
      const first = desk.consume({ takesMs: 60, pulling: { concurrency: 2 } }, change)
      await until('it works', () => desk.starts().length > 2)
      await first.stop()
      assert.equal(first.running, 0)
      const begun = desk.starts().length
      assert.ok(begun < ids.length, 'all were handled before the stop: the case proves nothing')
      await pause(300)
      assert.equal(desk.starts().length, begun, 'nothing begins after the stop')
      oneEffectEach(await desk.rows(), [...new Set(desk.starts())])
      desk.consume({}, change)
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.equal(desk.starts().length, ids.length, 'what was given back was not begun')
    },
  },
  {
    name: 'a process that is told to end finishes what it began',
    group,
    ids: ['C21'],
    oracles: ['E1', 'A1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 30)
      await desk.publish(ids)
      const worker = await desk.start({ takesMs: 60, pulling: { concurrency: 2 } })
      await until('it works', () => desk.starts().length > 2)
      worker.kill('SIGTERM')
      await worker.over
      const begun = desk.starts()
      oneEffectEach(await desk.rows(), begun)
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.equal(desk.starts().length, ids.length)
    },
  },
  {
    name: 'a paused consumer begins nothing new, and goes on when it is resumed',
    group,
    ids: ['C23'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const consumer = desk.consume()
      await desk.publish(['a'])
      await desk.drained()
      await consumer.pause()
      // A broker that sends by itself may have messages on their way.
      await pause(200)
      const ids = names('m', 10)
      await desk.publish(ids)
      await pause(400)
      assert.deepEqual(desk.starts(), ['a'])
      consumer.resume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', ...ids])
    },
  },
  {
    name: 'no more handlers run side by side than allowed, and as many as allowed do',
    group,
    ids: ['C23'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const doors = gate()
      let running = 0
      let most = 0
      const handle = async () => {
        most = Math.max(most, ++running)
        await doors.passed
        running--
      }
      await desk.publish(names('m', 12))
      desk.consume({ pulling: { concurrency: 3 } }, { delivers: 'at-least-once', handle } as never)
      context.after(doors.open)
      await until('three run', () => running === 3)
      await pause(150)
      doors.open()
      await desk.drained()
      assert.equal(most, 3)
    },
  },
  {
    name: 'nothing is acknowledged before the handler is done',
    group,
    ids: ['C1'],
    oracles: ['L0'],
    async run(context) {
      const desk = await openDesk(context)
      const door = gate()
      let begun = 0
      const handle = async () => {
        begun++
        await door.passed
      }
      await desk.publish(['a', 'b', 'c'])
      desk.consume({}, { delivers: 'at-least-once', handle } as never)
      context.after(door.open)
      await until('all handlers run', () => begun === 3)
      await pause(150)
      assert.equal(await desk.topic.depth(), 3)
      door.open()
      await desk.drained()
    },
  },
  {
    name: 'a handler that takes longer than the lease is not started a second time',
    group,
    ids: ['C8'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const door = gate()
      let starts = 0
      const change = {
        delivers: 'at-least-once',
        // Long enough for a process that is kept busy by other cases.
        leaseMs: 3_000,
        visibilityMs: 1_000,
        async handle() {
          starts++
          await door.passed
        },
      }
      const oneEach = { pulling: { concurrency: 1, prefetch: 0 } }
      desk.consume(oneEach, change as never)
      desk.consume(oneEach, change as never)
      context.after(door.open)
      await desk.publish(['long'])
      await until('the handler runs', () => starts > 0)
      // Copies, because not every broker redelivers: the other consumer would take over a lease that is not renewed.
      if (context.harness.traits.keepsDuplicates) await desk.publish(['long', 'long', 'long'])
      await pause(7_000)
      assert.equal(starts, 1)
      door.open()
      await desk.drained()
      assert.equal(starts, 1)
    },
  },
]
