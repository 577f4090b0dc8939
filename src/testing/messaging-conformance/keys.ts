import assert from 'node:assert/strict'
import { bytesOf, messageOf, names, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { oneEffectEach } from './oracles.ts'
import { pause } from './waiting.ts'

const group = 'keys'

const ZOO = [
  ...['order-1', 'Order-1', 'ORDER-1', 'order_1', 'order.1', 'order:1', 'order/1', 'order 1', ' order-1', 'order-1 '],
  ...['café', 'cafe\u0301', 'cafe', 'straße', 'strasse', 'İ', 'i', '🛗', '🛗🛗', 'a\0b', 'a', 'ab', 'a\tb', 'a\nb'],
  ...['1', '01', '1.0', '-1', 'nil', 'NULL', 'true', '{}', '[]', '""', "'", '%00', '%', '_', '*', '#', '>', '\\'],
  ...['ledger:a', 'a:ledger', 'x'.repeat(255), `${'x'.repeat(254)}y`, '中文', 'ﬁ', 'fi'],
]

export const keyCases: readonly MessagingCase[] = [
  {
    name: 'ids that look alike stay apart, and each is recognised again',
    group,
    ids: ['18', 'C14'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const { carriesId = () => true } = context.harness.traits
      const ids = ZOO.filter(carriesId)
      assert.ok(ids.length > 5)
      await desk.publish([...ids, ...ids])
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ids)
      assert.deepEqual(await desk.parked(), [])
    },
  },
  {
    name: 'a key that is too long, or what is left of a missing value, is put aside, not cut or shared',
    group,
    ids: ['18', 'C14'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      // In characters: the longest allowed keys have 255.
      const wrong: Readonly<Record<string, string>> = { long: `${'x'.repeat(255)}1`, missing: 'undefined', blank: ' ' }
      const key = ({ id }: { id: string }) => wrong[id] ?? id
      await desk.publish([...Object.keys(wrong), 'right'])
      desk.consume({}, { key } as never)
      await desk.drained()
      oneEffectEach(await desk.rows(), ['right'])
      assert.deepEqual((await desk.parked()).map(({ id }) => id).toSorted(), Object.keys(wrong).toSorted())
    },
  },
  {
    name: 'the same id with another body is put aside with its reason, and the first effect stands',
    group,
    ids: ['19', 'C15'],
    oracles: ['E1', 'A1'],
    needs: ['keepsDuplicates'],
    async run(context) {
      const desk = await openDesk(context)
      desk.consume()
      // One after the other, so that their order is certain.
      await desk.publish(['a'])
      await desk.drained()
      await desk.publish([{ id: 'a', body: bytesOf('another body') }, 'a', 'b'])
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b'])
      const [parked, ...more] = await desk.parked()
      assert.deepEqual([parked?.id, Buffer.from(parked?.body ?? []).toString(), more], ['a', 'another body', []])
      assert.match(parked?.reason ?? '', /used before with another body/)
    },
  },
  {
    name: 'messages with different ids and one business key take effect together once',
    group,
    ids: ['18', 'C14'],
    oracles: ['E1', 'A1'],
    async run(context) {
      const desk = await openDesk(context)
      const body = bytesOf('{"order":1100}')
      await desk.publish([
        { id: 'a', body },
        { id: 'b', body },
        { id: 'c', body: bytesOf('{"order":1101}') },
      ])
      const handled: string[] = []
      const change = {
        key: ({ body: bytes }: { body: Uint8Array }) => Buffer.from(bytes).toString(),
        delivers: 'at-least-once',
        handle: (message: { text(): string }) => void handled.push(message.text()),
      }
      desk.consume({}, change as never)
      await desk.drained()
      assert.deepEqual(handled.toSorted(), ['{"order":1100}', '{"order":1101}'])
    },
  },
  {
    name: 'by its place in the broker, a message without an id takes effect once, also when it comes again',
    group,
    ids: ['18'],
    oracles: ['E1', 'A1'],
    needs: ['coordinates', 'withoutId'],
    async run(context) {
      const desk = await openDesk(context)
      const bodies = names('m', 20)
      await desk.publish(bodies.map((text) => ({ body: bytesOf(text) })))
      const places = new Map<string, Set<string>>()
      const handled: string[] = []
      const change = {
        key: 'coordinates',
        delivers: 'at-least-once',
        handle(message: { text(): string; coordinates?: string }, op: { key: string; starts: number }) {
          const text = message.text()
          places.set(text, (places.get(text) ?? new Set()).add(op.key))
          if (op.starts === 1 && text.endsWith('3')) throw new Error('not yet')
          handled.push(text)
        },
      }
      desk.consume({}, change as never)
      await desk.drained()
      assert.deepEqual(handled.toSorted(), bodies)
      const all = [...places.values()].flatMap((set) => [...set])
      assert.deepEqual([all.length, new Set(all).size], [bodies.length, bodies.length], 'a place each, and only one')
    },
  },
  {
    name: 'a message that is older than what is remembered is put aside as late, not run',
    group,
    ids: ['20', 'C13'],
    oracles: ['A1'],
    needs: ['publishedAt'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['old'])
      await pause(1_600)
      desk.consume({ rules: { leaseMs: 500, retentionMs: 1_000 } })
      await desk.drained()
      oneEffectEach(await desk.rows(), [])
      const [parked, ...more] = await desk.parked()
      assert.deepEqual([parked?.id, more], ['old', []])
      assert.match(parked?.reason ?? '', /late, unverifiable/)
      assert.deepEqual(Buffer.from(parked?.body ?? []), Buffer.from(messageOf('old').body))
    },
  },
]
