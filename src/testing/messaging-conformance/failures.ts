import assert from 'node:assert/strict'
import { CONSUMER_HEADER, SOURCE_HEADER } from '../../messaging/headers.ts'
import { Unprocessable } from '../../messaging/message.ts'
import { messageOf, names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import type { Mishap } from './moments.ts'
import { inOrder, oneEffectEach, oneOutputSet } from './oracles.ts'
import { pause } from './waiting.ts'

const group = 'handlers that fail'

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
      oneOutputSet(await desk.rows())
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
      await desk.publish(['a', ...names('m', 10)])
      const starts: number[] = []
      const asked: number[] = []
      let others = 0
      const change = {
        rules: {},
        backoffMs: 1_000,
        maxBackoffMs: 1_000,
        delivers: 'at-least-once',
        handle: ({ id }: { id: string }) => {
          if (id !== 'a') return void others++
          starts.push(performance.now())
          if (starts.length < 3) throw new Error('not yet')
        },
        onEvent(event: { type: string; verdict?: { kind: string; delayMs?: number } }) {
          if (event.type === 'settled' && event.verdict?.kind === 'retry') asked.push(event.verdict.delayMs ?? 0)
        },
      }
      const { rules: _, ...options } = change
      desk.consume({ pulling: { concurrency: 2 } }, options as never)
      await desk.drained()
      assert.deepEqual([starts.length, others], [3, 10])
      // Brokers count in their own steps; early by more than a tick would be a retry that does not wait.
      for (const [at, ms] of asked.entries()) {
        const waited = (starts[at + 1] ?? 0) - (starts[at] ?? 0)
        assert.ok(waited > ms - 60, `came again after ${waited} ms, was to wait ${ms} ms`)
      }
    },
  },
  {
    name: 'messages with one ordering key take effect in order, also when some fail at first; keys go side by side',
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
      // A broker that hands it over again before it has heard of that has it put aside again.
      const parked = new Set((await desk.parked()).map(({ id }) => id))
      assert.deepEqual([...parked], ['x102'])
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
      for (let count = 0; count < 3; count++) {
        desk.consume({ takesMs: 4, mishaps: [{ at: 'between', ids: ['x103', 'y107'], do: 'throw', times: 3 }] })
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
