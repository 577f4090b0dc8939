import assert from 'node:assert/strict'
import { openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import type { Mishap } from './moments.ts'
import { oneEffectEach } from './oracles.ts'
import { gate, pause, until } from './waiting.ts'

const group = 'owners that come back'

/** A process that is frozen in the handler until another consumer has done its work. */
function zombie(name: string, ids: readonly string[], afterwards: readonly Mishap[]): MessagingCase {
  return {
    name,
    group,
    ids,
    oracles: ['E1', 'A1'],
    needs: ['worker', 'keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a'])
      const frozen: Mishap = { at: 'begun', ids: ['a'], do: 'freeze', times: 1 }
      // Prefetched messages would stand still with it.
      const first = await desk.start({
        delivers: 'at-least-once',
        mishaps: [frozen, ...afterwards],
        pulling: { concurrency: 1, prefetch: 0 },
      })
      await until('the first handler stands still', () => desk.starts().length === 1)
      // A copy, because not every broker takes a message back from a consumer that is only frozen.
      await desk.publish(['a', 'b'])
      desk.consume({ delivers: 'at-least-once' })
      await until('another one did its work', async () => desk.settled.includes('a ack'))
      const before = await desk.rows()
      first.kill('SIGCONT')
      await until('its handler ended', () => desk.ends().filter((id) => id === 'a').length === 2)
      // Its verdict is on its way.
      await pause(300)
      await desk.publish(['a', 'c'])
      await desk.drained()
      first.kill('SIGTERM')
      await first.over
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b', 'c'])
      assert.deepEqual((await desk.rows()).slice(0, before.length), before)
      assert.equal(desk.starts().filter((id) => id === 'a').length, 2, 'nobody runs it a third time')
      assert.deepEqual(await desk.parked(), [])
    },
  }
}

export const zombieCases: readonly MessagingCase[] = [
  zombie(
    'an owner that stood still past its lease comes back: what it writes and says is refused by its fence',
    ['8', 'C8'],
    [],
  ),
  zombie(
    'an owner that stood still past its lease comes back and fails: what its successor recorded stands',
    ['9', 'C8'],
    [{ at: 'between', ids: ['a'], do: 'throw' }],
  ),
  {
    name: 'a handler that runs on after its time limit writes nothing outside its transaction',
    group,
    ids: ['10', 'C9'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const { ledger } = desk
      const tried = gate()
      let late: unknown
      let starts = 0
      const change = {
        leaseMs: 300,
        maxRunMs: 600,
        handle: async ({ id }: { id: string }, tx: never, op: { fence: number; child(name: string): string }) => {
          const row = { consumer: 'ledger', id, fence: op.fence, output: op.child('mail') }
          if (++starts === 1) {
            await ledger.write(tx, { ...row, part: 1 })
            await pause(2_500)
            try {
              await ledger.write(tx, { ...row, part: 2 })
            } catch (error) {
              late = error
            }
            return tried.open()
          }
          for (const part of [1, 2]) await ledger.write(tx, { ...row, part })
        },
      }
      desk.consume({}, change as never)
      await desk.publish(['a'])
      await tried.passed
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a'])
      assert.ok(starts > 1, 'it was not started again, though its time was over')
      assert.ok(late !== undefined, 'what was written late was taken')
    },
  },
]
