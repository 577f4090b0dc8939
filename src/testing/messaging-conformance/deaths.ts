import assert from 'node:assert/strict'
import { messageOf, names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import type { Mishap, Moment } from './moments.ts'
import { inOrder, noneLost, oneEffectEach, oneOutputSet } from './oracles.ts'
import { pause } from './waiting.ts'

const group = 'processes that die'
const KILLS = 2

function killedAt(
  at: Moment,
  name: string,
  ids: readonly string[],
  delivers: 'exactly-once-effect' | 'at-least-once' = 'exactly-once-effect',
): MessagingCase {
  return {
    name,
    group,
    ids,
    oracles: ['E1', 'A1', 'S1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const messages = names('m', 20)
      await desk.publish(messages)
      const mishaps: readonly Mishap[] = [{ at, do: 'kill', times: KILLS }]
      const count = await desk.keepRestarting({ mishaps, delivers, pulling: { concurrency: 4 } }, desk.isDrained)
      assert.equal(count, KILLS + 1, 'the process was not killed as planned')
      oneEffectEach(await desk.rows(), messages)
      oneOutputSet(desk.attempts())
      assert.deepEqual(await desk.parked(), [])
    },
  }
}

export const deathCases: readonly MessagingCase[] = [
  killedAt('received', 'killed before the claim: the messages come again and take effect once', ['1']),
  killedAt(
    'begun',
    'killed after the claim, before the handler did anything: taken over when the lease is over',
    ['2', 'C2'],
    'at-least-once',
  ),
  killedAt('between', 'killed after the first of two writes: neither is visible, and both come later', ['3', 'C3']),
  killedAt('recorded', 'killed after the commit, before the acknowledgement: not handled again', ['4', 'C5']),
  {
    name: 'killed at random under load, in several processes at once: every message takes effect once',
    group,
    ids: ['1', '2', '3', '4'],
    oracles: ['E1', 'A1', 'S1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const messages = names('m', 80)
      await desk.publish(messages)
      const plan = { takesMs: 10, pulling: { concurrency: 4 } }
      for (let round = 0; round < 2; round++) {
        const workers = await Promise.all([desk.start(plan), desk.start(plan)])
        await pause(50 + Math.random() * 150)
        for (const worker of workers) worker.kill('SIGKILL')
        await Promise.all(workers.map(({ over }) => over))
      }
      desk.consume(plan)
      await desk.drained()
      oneEffectEach(await desk.rows(), messages)
      oneOutputSet(desk.attempts())
    },
  },
  {
    name: 'a message that ends every process that handles it is put aside, and all others take effect',
    group,
    ids: ['22', 'C19'],
    oracles: ['E1', 'A1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const messages = names('m', 20)
      await desk.publish([...messages.slice(0, 5), 'killer', ...messages.slice(5)])
      const mishaps: readonly Mishap[] = [{ at: 'between', ids: ['killer'], do: 'exit' }]
      const plan = { mishaps, rules: { maxAttempts: 2 }, pulling: { concurrency: 4 } }
      await desk.keepRestarting(plan, desk.isDrained)
      oneEffectEach(await desk.rows(), messages)
      const [parked, ...more] = await desk.parked()
      assert.deepEqual([parked?.id, more], ['killer', []])
      assert.match(parked?.reason ?? '', /2 times/)
      assert.equal(desk.starts().filter((id) => id === 'killer').length, 2)
    },
  },
  {
    name: 'the order of each ordering key holds while the process is killed again and again',
    group,
    ids: ['22', 'C20'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['worker', 'ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const messages = names('', 10).flatMap((at) => ['x', 'y', 'z'].map((key) => messageOf(`${key}${at}`, key)))
      await desk.publish(messages)
      const mishaps: readonly Mishap[] = [
        { at: 'between', ids: ['x102', 'y104', 'z101'], do: 'kill', times: 1 },
        { at: 'recorded', ids: ['x105', 'y106', 'z103'], do: 'kill', times: 1 },
      ]
      await desk.keepRestarting({ mishaps, pulling: { concurrency: 4 } }, desk.isDrained)
      const rows = await desk.rows()
      oneEffectEach(
        rows,
        messages.map(({ id = '' }) => id),
      )
      inOrder(rows, messages)
    },
  },
  {
    name: 'at-least-once: killed after the effect, before the record: it comes again with the same outputs',
    group,
    ids: ['C4', 'C12', '11'],
    oracles: ['L0', 'A1', 'S1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const messages = names('m', 10)
      await desk.publish(messages)
      const mishaps: readonly Mishap[] = [{ at: 'written', ids: ['m103'], do: 'kill', times: 2 }]
      const plan = { mishaps, delivers: 'at-least-once', pulling: { concurrency: 2 } } as const
      await desk.keepRestarting(plan, desk.isDrained)
      const rows = await desk.rows()
      noneLost(rows, messages)
      oneOutputSet(desk.attempts())
      assert.equal(rows.filter(({ id, part }) => id === 'm103' && part === 1).length, 3)
    },
  },
  {
    name: 'at-most-once: killed in the handler: it is not run again, but put aside',
    group,
    ids: ['2', 'C8'],
    oracles: ['A1'],
    needs: ['worker'],
    async run(context) {
      const desk = await openDesk(context)
      const messages = names('m', 10)
      await desk.publish(messages)
      const mishaps: readonly Mishap[] = [{ at: 'begun', ids: ['m103'], do: 'kill' }]
      const plan = { mishaps, delivers: 'at-most-once', pulling: { concurrency: 1, prefetch: 0 } } as const
      await desk.keepRestarting(plan, desk.isDrained)
      oneEffectEach(
        await desk.rows(),
        messages.filter((id) => id !== 'm103'),
      )
      assert.equal(desk.starts().filter((id) => id === 'm103').length, 1)
      assert.deepEqual(
        (await desk.parked()).map(({ id }) => id),
        ['m103'],
      )
    },
  },
]
