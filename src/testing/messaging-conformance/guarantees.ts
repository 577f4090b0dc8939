import assert from 'node:assert/strict'
import { names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { effectsOf, oneEffectEach } from './oracles.ts'

const group = 'guarantees'

export const guaranteeCases: readonly MessagingCase[] = [
  {
    name: 'at-most-once: what fails is started once, and put aside',
    group,
    ids: ['9'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 6)
      await desk.publish(ids)
      desk.consume({ delivers: 'at-most-once', mishaps: [{ at: 'begun', ids: ['m102'], do: 'throw' }] })
      await desk.drained()
      oneEffectEach(
        await desk.rows(),
        ids.filter((id) => id !== 'm102'),
      )
      assert.equal(desk.starts().length, ids.length)
      assert.deepEqual(
        (await desk.parked()).map(({ id }) => id),
        ['m102'],
      )
    },
  },
  {
    name: 'at-least-once: what fails is started again until it succeeds, and then remembered',
    group,
    ids: ['C5'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 6)
      await desk.publish([...ids, ...ids])
      desk.consume({ delivers: 'at-least-once', mishaps: [{ at: 'begun', do: 'throw', times: 5 }] })
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.equal(desk.starts().length, ids.length + 5)
    },
  },
  {
    name: 'exactly-once-effect: nothing of an attempt that failed is visible',
    group,
    ids: ['3', 'C3'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a', 'b'])
      desk.consume({ mishaps: [{ at: 'written', ids: ['a'], do: 'throw' }], rules: { maxAttempts: 3 } })
      await desk.drained()
      oneEffectEach(await desk.rows(), ['b'])
      assert.equal((await desk.parked()).length, 1)
    },
  },
  {
    name: 'in shadow mode every copy is handled, and the verdict says which would not have been',
    group,
    ids: ['C16'],
    oracles: ['L0', 'A1'],
    needs: ['keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a', 'a', 'b'])
      const consumer = desk.consume({ pulling: { concurrency: 1 } }, { mode: 'shadow' } as never)
      await desk.drained()
      await consumer.stop()
      // A broker may deliver more copies than were published, so the started handlers are counted.
      const started = desk.starts().toSorted()
      assert.ok(started.filter((id) => id === 'a').length >= 2, `both copies are handled, not ${started}`)
      for (const [id, effects] of effectsOf(await desk.rows())) {
        assert.equal(effects.length, 2 * started.filter((one) => one === id).length, id)
      }
      const shadows = desk.events.flatMap((event) =>
        event.type === 'settled' && event.verdict.kind === 'ack' ? [event.verdict.shadow] : [],
      )
      assert.equal(shadows.filter((one) => one === 'duplicate').length, started.length - new Set(started).size)
      // Handled messages are remembered: nothing is handled again when enforcement begins.
      await desk.publish(['a', 'b', 'c'])
      desk.consume()
      await desk.drained()
      assert.deepEqual(desk.starts().toSorted(), [...started, 'c'])
    },
  },
]
