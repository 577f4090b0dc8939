import assert from 'node:assert/strict'
import { refused, replayOf } from './client.ts'
import type { HttpCase } from './harness.ts'
import { desk, openSite } from './site.ts'

const group = 'keys'

/** Header fields, with the key that each means. */
const ACCEPTED: readonly (readonly [field: string, key: string])[] = [
  ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['"with spaces, and a comma"', 'with spaces, and a comma'],
  ['"a \\"quoted\\" part and a \\\\"', 'a "quoted" part and a \\'],
  ['"k1";v=1', 'k1'],
  ['"k2"; v="text"; other', 'k2'],
  ['"k3";v=?0;w=1.5;x=:aGk=:', 'k3'],
  ['  "k4"  ', 'k4'],
  [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ['"__proto__"', '__proto__'],
  ['"{curly}:braces}"', '{curly}:braces}'],
  ['"%00%0d%0a"', '%00%0d%0a'],
]

/** Accepted as they are where bare keys are allowed; refused otherwise. */
const BARE = ['8e03978e-40d5-43dd-bc93-6894a57f9324', 'token', '42', '?1', 'a/b:c=d+e', '*', 'toString']

const REFUSED: readonly (readonly [what: string, field: string])[] = [
  ['an unterminated string', '"abc'],
  ['text behind the string', '"a"b'],
  ['a list of two strings', '"a", "b"'],
  ['a list of two words', 'a, b'],
  ['a word with a blank', 'a b'],
  ['an unknown escape', '"a\\n"'],
  ['a parameter that is none', '"a";V=1'],
  ['a quote within a word', 'a"b'],
  ['256 characters', `"${'x'.repeat(256)}"`],
  ['256 characters without quotes', 'x'.repeat(256)],
  ['8 000 characters', 'x'.repeat(8_000)],
  ['an endless row of parameters', `"k"${';a'.repeat(3_000)}`],
]

const request = (line: string | Uint8Array) =>
  Buffer.concat([
    Buffer.from('POST /orders HTTP/1.1\r\nhost: here\r\nconnection: close\r\n'),
    Buffer.from(line),
    Buffer.from('\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'),
  ])

export const keyCases: readonly HttpCase[] = [
  {
    name: 'a structured-field string is its text, whatever its parameters say',
    group,
    ids: ['C1', 'B29', 'sf-string-quoted-key'],
    async run(context) {
      const orders = desk((run, { op }) => ({ status: 201, body: JSON.stringify({ run, key: op?.key ?? null }) }))
      const site = await openSite(context, orders)
      for (const [field, key] of ACCEPTED) {
        const first = await site.ask('/orders', { key: field })
        assert.equal(first.status, 201, field)
        const heard = orders.seen.at(-1)?.op?.key
        if (heard !== undefined) assert.equal(heard, key)
        replayOf(await site.ask('/orders', { key: field }), first)
      }
      assert.equal(orders.runs, ACCEPTED.length)
    },
  },
  {
    name: 'a bare key is the same as a quoted one, and is refused where keys must be strings',
    group,
    ids: ['C2', 'B29'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const key of BARE) {
        const first = await site.ask('/orders', { key })
        assert.equal(first.status, 201, key)
        replayOf(await site.ask('/orders', { key: `"${key}"` }), first)
      }
      assert.equal(orders.runs, BARE.length)
      const strict = await openSite(context, orders, { options: { keySyntax: 'strict' } })
      for (const key of BARE) refused(await strict.ask('/orders', { key }), 400, 'invalid-key')
      assert.equal(orders.runs, BARE.length)
    },
  },
  {
    name: 'what is not one string is refused with 400, and the handler does not run',
    group,
    ids: ['C2', 'C17', 'B29', 'T5', 'key-too-long'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const [what, key] of REFUSED) {
        const answer = await site.ask('/orders', { key })
        assert.equal(answer.status, 400, `${what}: ${answer.status}`)
        refused(answer, 400, 'invalid-key')
      }
      assert.equal(orders.runs, 0)
    },
  },
  {
    name: 'an empty key is refused with 400, quoted or not',
    group,
    ids: ['B29', 'empty-key-rejected'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const key of ['', '""', '   ']) refused(await site.ask('/orders', { key }), 400, 'missing-key')
      assert.equal(orders.runs, 0)
    },
  },
  {
    name: 'two header lines are refused: which of them is meant cannot be known',
    group,
    ids: ['C2', 'B29'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const second of ['"b"', '"a"', 'b']) {
        const answer = await site.raw(request(`idempotency-key: "a"\r\nIdempotency-Key: ${second}`))
        assert.match(answer, /^HTTP\/1\.1 400 /)
      }
      assert.equal(orders.runs, 0)
    },
  },
  {
    name: 'control characters, line breaks and bytes beyond ASCII never reach the handler',
    group,
    ids: ['B29', 'T13'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const byte of [0x00, 0x01, 0x08, 0x0d, 0x1f, 0x7f, 0x80, 0xe9, 0xff]) {
        for (const [before, after] of [
          ['"a', 'b"'],
          ['a', 'b'],
        ]) {
          const line = Buffer.concat([
            Buffer.from(`idempotency-key: ${before}`),
            Buffer.from([byte]),
            Buffer.from(`${after}`),
          ])
          assert.match(await site.raw(request(line)), /^HTTP\/1\.1 400 /, `byte 0x${byte.toString(16)}`)
        }
      }
      const emoji = Buffer.from('idempotency-key: "🛗"')
      assert.match(await site.raw(request(emoji)), /^HTTP\/1\.1 400 /)
      assert.equal(orders.runs, 0)
    },
  },
  {
    name: 'keys must look as they are published to look, where a pattern says so',
    group,
    ids: ['C17', 'T3'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { keyPattern: /^[0-9a-f-]{36}$/ } })
      refused(await site.ask('/orders', { key: 'order-1' }), 400, 'invalid-key')
      assert.equal((await site.ask('/orders', { key: '8e03978e-40d5-43dd-bc93-6894a57f9324' })).status, 201)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a key of the business stands in for the header',
    group,
    ids: ['C3', 'T20'],
    async run(context) {
      const events = desk()
      const site = await openSite(context, events, { options: { key: (call) => call.header('x-event-id') } })
      const ask = { key: 'not-looked-at', headers: { 'x-event-id': 'evt_1' } }
      const first = await site.ask('/orders', ask)
      replayOf(await site.ask('/orders', { ...ask, key: 'another' }), first)
      assert.equal(events.runs, 1)
    },
  },
]
