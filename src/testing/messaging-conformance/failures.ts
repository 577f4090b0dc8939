import assert from 'node:assert/strict'
import { systemRuntime } from '../../core/runtime.ts'
import { CONSUMER_HEADER, SOURCE_HEADER } from '../../messaging/headers.ts'
import { Unprocessable } from '../../messaging/message.ts'
import { messageOf, names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import type { Mishap } from './moments.ts'
import { inOrder, oneEffectEach, oneOutputSet } from './oracles.ts'
import { gate, pause, until } from './waiting.ts'
import { engineOn } from './worker.ts'

const group = 'handlers that fail'
/** Nearly the longest time a case waits for anything. */
const LONG_PAUSE_MS = 50_000

export const failureCases: readonly MessagingCase[] = [
  {
    name: 'a message that always fails is put aside whole after its attempts, and the others go on',
    group,
    ids: ['21', 'C19'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 10)
      const bad = { id: 'bad', body: Uint8Array.of(0, 255, 1, 128), headers: { tenant: 'ö', empty: '' } }
      await desk.publish([...ids.slice(0, 3), bad, ...ids.slice(3)])
      const mishaps: readonly Mishap[] = [{ at: 'between', ids: ['bad'], do: 'throw' }]
      desk.consume({ mishaps, rules: { maxAttempts: 4 } })
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      const [parked, ...more] = await desk.parked()
      assert.deepEqual([parked?.id, [...(parked?.body ?? [])], more], ['bad', [...bad.body], []])
      assert.equal(parked?.headers.tenant, 'ö')
      assert.match(parked?.reason ?? '', /it went wrong with bad/)
      assert.equal(parked?.headers[CONSUMER_HEADER], 'ledger', 'it says which consumer put it aside')
      assert.notEqual(parked?.headers[SOURCE_HEADER] ?? '', '', 'it says where it came from')
      assert.equal(desk.starts().filter((id) => id === 'bad').length, 4)
    },
  },
  {
    name: 'a message that fails at first takes effect once in the end, and its attempts would send the same',
    group,
    ids: ['12', 'C12'],
    oracles: ['E1', 'A1', 'S1'],
    async run(context) {
      const desk = await openDesk(context)
      const ids = names('m', 10)
      await desk.publish(ids)
      const mishaps: readonly Mishap[] = [{ at: 'between', do: 'throw', times: 12 }]
      desk.consume({ mishaps })
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      oneOutputSet(desk.attempts())
      assert.equal(desk.starts().length, ids.length + 12)
      assert.deepEqual(await desk.parked(), [])
    },
  },
  {
    name: 'a message that no attempt can help is put aside at once',
    group,
    ids: ['21'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a'])
      let starts = 0
      const handle = () => {
        starts++
        throw new Unprocessable('no such customer')
      }
      desk.consume({}, { handle } as never)
      await desk.drained()
      const parked = await desk.parked()
      assert.deepEqual([starts, parked.map(({ id, reason }) => [id, reason])], [1, [['a', 'no such customer']]])
    },
  },
  {
    name: 'a retry waits as long as it is told to, and others do not wait with it',
    group,
    ids: ['21'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      let pauseMs = 1_000
      const runtime = { ...systemRuntime, random: () => pauseMs / LONG_PAUSE_MS }
      const starts = new Map<string, number[]>()
      const pausesOf = (message: string) =>
        desk.events.flatMap((event) =>
          event.type === 'settled' && event.delivery.id === message && event.verdict.kind === 'retry'
            ? [event.verdict.delayMs]
            : [],
        )
      const handle = ({ id }: { id: string }) => {
        const own = starts.get(id) ?? []
        starts.set(id, [...own, performance.now()])
        if (id === 'long' || (id === 'short' && own.length < 2)) throw new Error('not yet')
      }
      const change = {
        once: engineOn(desk.ledger, runtime),
        backoffMs: LONG_PAUSE_MS,
        maxBackoffMs: LONG_PAUSE_MS,
        delivers: 'at-least-once',
        handle,
      }
      desk.consume({ pulling: { concurrency: 1 } }, change as never)
      await desk.publish(['short'])
      await desk.drained()
      assert.deepEqual([starts.get('short')?.length, pausesOf('short')], [3, [1_000, 1_000]])
      // Brokers count in their own steps. Early by more than one step would be a retry that does not wait.
      const [first = 0, second = 0, third = 0] = starts.get('short') ?? []
      for (const waited of [second - first, third - second]) {
        assert.ok(waited > 940, `came again after ${waited} ms, was to wait 1000 ms`)
      }
      // So long that messages waiting with it would come after its next try.
      pauseMs = LONG_PAUSE_MS - 1_000
      await desk.publish(['long'])
      await until('it waits for its next try', () => pausesOf('long').length === 1)
      const others = names('m', 10)
      await desk.publish(others)
      await until('the others were handled', () => others.every((id) => starts.has(id)))
      assert.equal(starts.get('long')?.length, 1, 'the others waited with it')
    },
  },
  {
    name: 'messages with one ordering key take effect in order, also when some fail at first',
    group,
    ids: ['21', 'C20'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const messages = names('', 8).flatMap((at) => ['x', 'y', 'z'].map((key) => messageOf(`${key}${at}`, key)))
      const mishaps: readonly Mishap[] = [
        { at: 'between', ids: ['x100', 'x103', 'y101', 'z104', 'z105'], do: 'throw', times: 8 },
      ]
      await desk.publish(messages)
      desk.consume({ mishaps, takesMs: 4 })
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
    name: 'messages with different ordering keys are handled side by side, those with one key one after the other',
    group,
    ids: ['21', 'C20'],
    oracles: ['O1', 'A1'],
    needs: ['ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const keys = ['x', 'y', 'z']
      const doors = gate()
      const begun: string[] = []
      const change = {
        delivers: 'at-least-once',
        // Long, so that a stalled machine does not end the lease.
        leaseMs: 30_000,
        visibilityMs: 1_000,
        async handle({ id }: { id: string }) {
          begun.push(id)
          await doors.passed
        },
      }
      await desk.publish(names('', 3).flatMap((at) => keys.map((key) => messageOf(`${key}${at}`, key))))
      desk.consume({}, change as never)
      context.after(doors.open)
      await until('one of each key is handled', () => keys.every((key) => begun.some((id) => id.startsWith(key))))
      await pause(150)
      assert.deepEqual(begun.toSorted(), ['x100', 'y100', 'z100'])
      doors.open()
      await desk.drained()
      for (const key of keys) {
        assert.deepEqual(
          begun.filter((id) => id.startsWith(key)),
          names(key, 3),
        )
      }
    },
  },
  {
    name: 'a message that was put aside does not hold up those with its ordering key',
    group,
    ids: ['21', '22'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const messages = names('x', 6).map((id) => messageOf(id, 'x'))
      await desk.publish(messages)
      const mishaps: readonly Mishap[] = [{ at: 'begun', ids: ['x102'], do: 'throw' }]
      desk.consume({ mishaps, rules: { maxAttempts: 3 } })
      await desk.drained()
      const rows = await desk.rows()
      const rest = messages.filter(({ id }) => id !== 'x102')
      oneEffectEach(
        rows,
        rest.map(({ id = '' }) => id),
      )
      inOrder(rows, rest)
      assert.deepEqual(
        (await desk.parked()).map(({ id }) => id),
        ['x102'],
      )
    },
  },
  {
    name: 'several consumers keep the order of each ordering key',
    group,
    ids: ['23', 'C20'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['ordering over consumers'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const messages = names('', 10).flatMap((at) => ['x', 'y', 'z'].map((key) => messageOf(`${key}${at}`, key)))
      await desk.publish(messages.slice(0, 15))
      // From both portions: while one waits for its next try, another consumer could take the next with its key.
      const ids = ['x103', 'y102', 'x106', 'y107', 'z105', 'z107']
      const mishaps: readonly Mishap[] = [{ at: 'between', ids, do: 'throw', times: 8 }]
      for (let count = 0; count < 3; count++) {
        desk.consume({ takesMs: 4, mishaps })
        await pause(20)
      }
      await desk.publish(messages.slice(15))
      await desk.drained()
      const rows = await desk.rows()
      oneEffectEach(
        rows,
        messages.map(({ id = '' }) => id),
      )
      inOrder(rows, messages)
    },
  },
]
