import assert from 'node:assert/strict'
import { refused } from './client.ts'
import type { HttpCase } from './harness.ts'
import { desk, newKey, openSite, pause, settled } from './site.ts'

const group = 'uploads'

const head = (key: string, ...lines: readonly string[]) =>
  [
    `POST /orders HTTP/1.1`,
    'host: here',
    `idempotency-key: ${key}`,
    'content-type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n')

/** Malformed requests, by what is wrong with them. */
const MALFORMED: readonly (readonly [what: string, request: string])[] = [
  ['a body shorter than it says', `${head('k', 'content-length: 100')}{"a":1}`],
  ['a chunk shorter than it says', `${head('k', 'transfer-encoding: chunked')}64\r\n{"a":1}`],
  ['a chunk without a length', `${head('k', 'transfer-encoding: chunked')}zz\r\n{"a":1}\r\n0\r\n\r\n`],
  ['chunks without an end', `${head('k', 'transfer-encoding: chunked')}7\r\n{"a":1}\r\n`],
  ['a length that is no number', `${head('k', 'content-length: many')}{"a":1}`],
  ['two lengths', `${head('k', 'content-length: 7', 'content-length: 8')}{"a":1}`],
  ['a length and chunks', `${head('k', 'content-length: 7', 'transfer-encoding: chunked')}7\r\n{"a":1}\r\n0\r\n\r\n`],
  ['a header without an end', 'POST /orders HTTP/1.1\r\nhost: here\r\nidempotency-key: k'],
]

export const uploadCases: readonly HttpCase[] = [
  {
    name: 'a request that is cut off or malformed runs nothing and binds no key',
    group,
    ids: ['B24', 'T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const [what, request] of MALFORMED) {
        const answer = await site.raw(request, { thenEnd: true })
        assert.doesNotMatch(answer, /^HTTP\/1\.1 2/, what)
        assert.equal(orders.runs, 0, what)
      }
      await pause(20)
      const page = await site.store.list({ limit: 10 })
      assert.deepEqual(page.items, [])
      assert.equal((await site.ask('/orders', { key: 'k', body: '{"other":1}' })).status, 201)
    },
  },
  {
    name: 'what comes behind the end of a body is not part of it',
    group,
    ids: ['T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const request = `${head('k', 'content-length: 7')}{"a":1}{"amount":1000000}`
      await site.raw(request, { thenEnd: true })
      const again = await settled(site, '/orders', { key: 'k', body: '{"a":1}' })
      assert.equal(again.status, 201)
      assert.equal(Buffer.from(orders.seen[0]?.body ?? '').toString(), '{"a":1}')
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a body that is too long to be recognised again is refused with 413',
    group,
    ids: ['T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { maxRequestBytes: 1_000 } })
      const body = JSON.stringify({ text: 'x'.repeat(2_000) })
      refused(await site.ask('/orders', { key: newKey(), body }), 413, 'payload-too-large')
      assert.equal(orders.runs, 0)
      assert.equal((await site.ask('/orders', { key: newKey(), body: '{}' })).status, 201)
    },
  },
  {
    name: 'a body of unknown length that grows too long is refused with 413',
    group,
    ids: ['T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { maxRequestBytes: 1_000 } })
      const body = JSON.stringify({ text: 'x'.repeat(2_000) })
      const size = body.length.toString(16)
      const chunked = `${head('k', 'transfer-encoding: chunked', 'connection: close')}${size}\r\n${body}\r\n0\r\n\r\n`
      assert.match(await site.raw(chunked), /^HTTP\/1\.1 413 /)
      assert.equal(orders.runs, 0)
      assert.equal((await site.ask('/orders', { key: newKey(), body: '{}' })).status, 201)
    },
  },
  {
    name: 'a body that trickles in reaches the handler whole',
    group,
    ids: ['B24'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const go = await site.prepare('/orders', { key: newKey(), body: '{"a":"trickled"}' })
      await pause(60)
      assert.equal(orders.runs, 0)
      assert.equal((await go()).status, 201)
      assert.equal(Buffer.from(orders.seen[0]?.body ?? '').toString(), '{"a":"trickled"}')
    },
  },
  {
    name: 'JSON that is none gets an answer, and not one of another request',
    group,
    ids: ['T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const body of ['{"a":', 'nonsense', '{"a":1}}', '\u0000']) {
        const answer = await site.ask('/orders', { key: newKey(), body })
        assert.ok(answer.status >= 200 && !answer.replayed, `${answer.status}`)
      }
      const again = await site.ask('/orders', { key: newKey(), body: '{}' })
      assert.deepEqual([again.status, again.replayed], [201, false])
    },
  },
]
