import assert from 'node:assert/strict'
import { bytesOf, openDesk } from './desk.ts'
import type { MessagingCase } from './harness.ts'
import { oneEffectEach } from './oracles.ts'

const group = 'messages of every kind'
const MEGABYTE = 1024 * 1024

/** Returns bytes that no text encoding preserves. */
function everyByte(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 255)
}

export const badInputCases: readonly MessagingCase[] = [
  {
    name: 'a message without an id is put aside with its bytes, and the others go on',
    group,
    ids: ['18'],
    oracles: ['A1'],
    needs: ['withoutId'],
    async run(context) {
      const desk = await openDesk(context)
      await desk.publish(['a', { body: Uint8Array.of(0, 255, 1) }, 'b'])
      desk.consume()
      await desk.drained()
      oneEffectEach(await desk.rows(), ['a', 'b'])
      const [parked, ...more] = await desk.parked()
      assert.deepEqual([parked?.id, [...(parked?.body ?? [])], more], ['', [0, 255, 1], []])
      assert.notEqual(parked?.reason ?? '', '')
    },
  },
  {
    name: 'bodies arrive byte for byte: none, every byte, a megabyte',
    group,
    ids: ['18'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const { emptyBodies = true } = context.harness.traits
      const bodies: Readonly<Record<string, Uint8Array>> = {
        ...(emptyBodies ? { nothing: new Uint8Array(0) } : {}),
        every: everyByte(256),
        text: bytesOf('{"a":"ü🛗\u0000"}'),
        megabyte: everyByte(MEGABYTE - 16 * 1024),
      }
      await desk.publish(Object.entries(bodies).map(([id, body]) => ({ id, body })))
      const seen = new Map<string, Uint8Array>()
      const handle = ({ id, body }: { id: string; body: Uint8Array }) => void seen.set(id, Uint8Array.from(body))
      desk.consume({}, { delivers: 'at-least-once', handle } as never)
      await desk.drained()
      for (const [id, body] of Object.entries(bodies)) {
        assert.ok(Buffer.from(seen.get(id) ?? [1]).equals(body), `${id} arrived as it was sent`)
      }
    },
  },
  {
    name: 'a body of a megabyte that is put aside is there byte for byte',
    group,
    ids: ['21'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const body = everyByte(MEGABYTE - 16 * 1024)
      await desk.publish([{ id: 'large', body }])
      desk.consume({ mishaps: [{ at: 'begun', do: 'throw' }], rules: { maxAttempts: 1 } })
      await desk.drained()
      const [parked] = await desk.parked()
      assert.ok(Buffer.from(parked?.body ?? []).equals(body))
    },
  },
  {
    name: 'id, headers and ordering key reach the handler',
    group,
    ids: ['13'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const headers = { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
      await desk.publish([{ id: 'a', body: bytesOf('a'), headers, orderingKey: 'customer:ann' }])
      const seen: { id: string; headers: Readonly<Record<string, string>>; orderingKey?: string }[] = []
      const handle = (message: (typeof seen)[number]) => void seen.push(message)
      desk.consume({}, { delivers: 'at-least-once', handle } as never)
      await desk.drained()
      const [first] = seen
      assert.deepEqual([seen.length, first?.id, first?.orderingKey], [1, 'a', 'customer:ann'])
      for (const [name, value] of Object.entries(headers)) assert.equal(first?.headers[name], value)
    },
  },
  {
    name: 'a body that cannot be read is put aside at once, whatever it is',
    group,
    ids: ['21'],
    oracles: ['A1'],
    async run(context) {
      const desk = await openDesk(context)
      const { emptyBodies = true } = context.harness.traits
      const empty = emptyBodies ? new Uint8Array(0) : bytesOf(' ')
      const bodies = [bytesOf('{"a":'), Uint8Array.of(0xff, 0xfe, 0xfd), empty, bytesOf('{"a":1}')]
      await desk.publish(bodies.map((body, at) => ({ id: `m${at}`, body })))
      let starts = 0
      const handle = (message: { json(): unknown }) => {
        starts++
        message.json()
      }
      desk.consume({}, { delivers: 'at-least-once', handle } as never)
      await desk.drained()
      const parked = await desk.parked()
      assert.deepEqual([starts, parked.map(({ id }) => id).toSorted()], [4, ['m0', 'm1', 'm2']])
    },
  },
]
