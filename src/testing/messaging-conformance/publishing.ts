import assert from 'node:assert/strict'
import type { OutboxMessage } from '../../core/store.ts'
import { type Desk, names, openDesk, outboxMessage } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { inOrder, oneEffectEach } from './oracles.ts'
import { pause, until } from './waiting.ts'

const group = 'publishing'
const needs = ['publisher'] as const

async function opened<Place, Tx>(desk: Desk<Place, Tx>) {
  const { publish } = await desk.publisher()
  const { topic } = desk.topic
  return {
    publish,
    send: (ids: readonly string[], change: Partial<OutboxMessage> = {}) =>
      publish(ids.map((id) => outboxMessage(topic, id, change))),
  }
}

export const publishingCases: readonly MessagingCase[] = [
  {
    name: 'every message that was answered with ok is there, one answer each',
    group,
    ids: ['P1', '15'],
    oracles: ['E1', 'A1'],
    needs,
    async run(context) {
      const desk = await openDesk(context)
      const { send, publish } = await opened(desk)
      const ids = names('m', 200)
      const results = await send(ids)
      assert.deepEqual(
        results,
        ids.map(() => ({ ok: true })),
      )
      assert.deepEqual(await publish([]), [])
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
    },
  },
  {
    name: 'calls side by side are answered each for itself',
    group,
    ids: ['15'],
    oracles: ['E1', 'A1'],
    needs,
    async run(context) {
      const desk = await openDesk(context)
      const { send } = await opened(desk)
      // All have different lengths, so that each answer is recognised by its length.
      const calls = names('c', 10).map((prefix, more) => names(`${prefix}-`, 5 + more))
      const answers = await Promise.all(calls.map((ids) => send(ids)))
      assert.deepEqual(
        answers,
        calls.map((ids) => ids.map(() => ({ ok: true }))),
      )
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), calls.flat())
    },
  },
  {
    name: 'what is published again under its id takes effect once, before and after it was handled',
    group,
    ids: ['P3', 'P4', 'P5', '16'],
    oracles: ['E1', 'A1'],
    needs,
    async run(context) {
      const desk = await openDesk(context)
      const { send } = await opened(desk)
      const ids = names('m', 10)
      assert.ok([...(await send(ids)), ...(await send(ids))].every(({ ok }) => ok))
      desk.consume()
      await desk.drained()
      assert.ok((await send(ids)).every(({ ok }) => ok))
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
    },
  },
  {
    name: 'id, headers, ordering key and bytes arrive as they were given',
    group,
    ids: ['13'],
    oracles: ['A1'],
    needs,
    async run(context) {
      const desk = await openDesk(context)
      const { publish } = await opened(desk)
      const headers = { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
      const { emptyBodies = true } = context.harness.traits
      const every = Uint8Array.from({ length: 256 }, (_, at) => at)
      const large = Uint8Array.from({ length: 900 * 1024 }, (_, at) => (at * 31) & 255)
      const { topic } = desk.topic
      const sent = [
        outboxMessage(topic, 'every', { body: every, headers, orderingKey: 'customer:ann' }),
        ...(emptyBodies ? [outboxMessage(topic, 'nothing', { body: new Uint8Array(0) })] : []),
        outboxMessage(topic, 'large', { body: large }),
      ]
      assert.ok((await publish(sent)).every(({ ok }) => ok))
      const seen = new Map<string, { body: Uint8Array; headers: Record<string, string>; orderingKey?: string }>()
      const handle = (message: { id: string; body: Uint8Array; headers: Record<string, string> }) =>
        void seen.set(message.id, { ...message, body: Uint8Array.from(message.body) })
      desk.consume({}, { delivers: 'at-least-once', handle } as never)
      await desk.drained()
      for (const { id, body } of sent) assert.ok(Buffer.from(seen.get(id)?.body ?? [9]).equals(body), id)
      const first = seen.get('every')
      assert.equal(first?.orderingKey, 'customer:ann')
      assert.equal(seen.get('large')?.orderingKey, undefined, 'one that was given none has none')
      for (const [name, value] of Object.entries(headers)) assert.equal(first?.headers[name], value)
    },
  },
  {
    name: 'messages with one ordering key arrive in the order of the batch',
    group,
    ids: ['P8'],
    oracles: ['E1', 'O1', 'A1'],
    needs: ['publisher', 'ordering'],
    async run(context) {
      const desk = await openDesk(context, { ordered: true })
      const { publish } = await opened(desk)
      const sent = names('', 20).flatMap((at) =>
        ['x', 'y'].map((key) => outboxMessage(desk.topic.topic, `${key}${at}`, { orderingKey: key })),
      )
      for (let from = 0; from < sent.length; from += 10) {
        assert.ok((await publish(sent.slice(from, from + 10))).every(({ ok }) => ok))
      }
      desk.consume({ takesMs: 3 })
      await desk.drained()
      const rows = await desk.rows()
      oneEffectEach(
        rows,
        sent.map(({ id }) => id),
      )
      inOrder(rows, sent)
    },
  },
  {
    name: 'a message that the broker does not take is refused alone, with a reason',
    group,
    ids: ['14', 'P6'],
    oracles: ['E1', 'A1'],
    needs: ['publisher', 'refused'],
    async run(context) {
      const desk = await openDesk(context)
      const { publish } = await opened(desk)
      const bad = desk.topic.refused?.('bad')
      assert.ok(bad !== undefined, 'the harness offers `refused`, and its topic names no such message')
      const [before, ...after] = ['a', 'b', 'c'].map((id) => outboxMessage(desk.topic.topic, id)) as [
        OutboxMessage,
        ...OutboxMessage[],
      ]
      // Not in the middle: answers in another order than the batch are noticed by it.
      const results = await publish([before, bad, ...after])
      assert.deepEqual(
        results.map(({ ok }) => ok),
        [true, false, true, true],
      )
      const [, refusal] = results
      assert.ok(refusal?.ok === false && refusal.reason.trim() !== '')
      assert.ok((await publish([outboxMessage(desk.topic.topic, 'd')]))[0]?.ok, 'it goes on afterwards')
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b', 'c', 'd'])
    },
  },
  {
    name: 'connections are lost while publishing: what was not answered with ok is sent again, and takes effect once',
    group,
    ids: ['15', 'P3', 'P4'],
    oracles: ['E1', 'A1'],
    needs: ['publisher', 'cut'],
    async run(context) {
      const desk = await openDesk(context)
      const { send } = await opened(desk)
      const batches = names('b', 12).map((prefix) => names(`${prefix}-`, 20))
      let cuts = 0
      for (const [at, ids] of batches.entries()) {
        await until('the batch was answered with ok', async () => {
          const answer = send(ids)
          if (at % 4 === 1 && cuts <= at / 4) {
            cuts++
            await desk.topic.faults?.cut?.()
          }
          return (await answer).every(({ ok }) => ok)
        })
      }
      desk.consume()
      await desk.drained()
      assert.ok(cuts >= 3)
      oneEffectEach(await desk.rows(), batches.flat())
    },
  },
  {
    name: 'while the broker is down nothing is answered with ok; when it is back, the same publisher goes on',
    group,
    ids: ['15', '16'],
    oracles: ['E1', 'A1'],
    needs: ['publisher', 'breakable'],
    async run(context) {
      const desk = await openDesk(context, { breakable: true })
      const { send } = await opened(desk)
      assert.ok((await send(['a']))[0]?.ok)
      await desk.topic.faults?.down?.()
      // No answer is not an ok: a client may keep the message until the broker is back.
      const answer = await Promise.race([send(['b']).catch(() => 'thrown'), pause(5_000)])
      if (Array.isArray(answer))
        assert.ok(
          answer.every(({ ok }) => !ok),
          'it was answered with ok while the broker was down',
        )
      await desk.topic.faults?.up?.()
      await until('it takes messages again', async () => (await send(['b']))[0]?.ok === true)
      desk.consume()
      await until('both were handled', () => new Set(desk.starts()).size === 2)
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b'])
    },
  },
]
