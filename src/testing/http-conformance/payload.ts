import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type Ask, refused, replayOf } from './client.ts'
import type { HttpCase } from './harness.ts'
import { desk, newKey, openSite } from './site.ts'

const group = 'payload'

const SAME: readonly (readonly [string, string])[] = [
  ['{"a":1,"b":2}', '{"b":2,"a":1}'],
  ['{"a":1.0}', '{"a":1}'],
  ['{"a":[1,2]}', ' { "a" : [ 1 , 2 ] }\n'],
  ['{"a":"\\u00e9"}', '{"a":"é"}'],
]

const OTHER: readonly (readonly [string, string])[] = [
  ['{"a":"1"}', '{"a":1}'],
  ['{"a":[1,2]}', '{"a":[2,1]}'],
  ['{"a":null}', '{}'],
  ['{"a":0}', '{"a":false}'],
  ['{"a":"\\u00e9"}', '{"a":"e\\u0301"}'],
  ['{"a":{"b":1}}', '{"a":"{\\"b\\":1}"}'],
]

export const payloadCases: readonly HttpCase[] = [
  {
    name: 'JSON that says the same is the same payload, and JSON that does not is another',
    group,
    ids: ['B7', 'C5', 'T15'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      for (const [one, two] of SAME) {
        const key = newKey()
        const first = await site.ask('/orders', { key, body: one })
        replayOf(await site.ask('/orders', { key, body: two }), first)
      }
      for (const [one, two] of OTHER) {
        const key = newKey()
        await site.ask('/orders', { key, body: one })
        refused(await site.ask('/orders', { key, body: two }), 422, 'fingerprint-mismatch')
      }
      assert.equal(orders.runs, SAME.length + OTHER.length)
    },
  },
  {
    name: 'where the bytes count, JSON that says the same in other bytes is another payload',
    group,
    ids: ['B7', 'C5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { fingerprint: 'raw' } })
      const key = newKey()
      const first = await site.ask('/orders', { key, body: '{"a":1,"b":2}' })
      refused(await site.ask('/orders', { key, body: '{"b":2,"a":1}' }), 422, 'fingerprint-mismatch')
      replayOf(await site.ask('/orders', { key, body: '{"a":1,"b":2}' }), first)
    },
  },
  {
    name: 'JSON that names one member twice is not taken for the JSON that names it once',
    group,
    ids: ['T15'],
    async run(context) {
      const site = await openSite(context, desk())
      const key = newKey()
      await site.ask('/orders', { key, body: '{"amount":1,"amount":2}' })
      for (const body of ['{"amount":2}', '{"amount":1}', '{"amount":2,"amount":1}']) {
        refused(await site.ask('/orders', { key, body }), 422, 'fingerprint-mismatch')
      }
    },
  },
  {
    name: 'a body of any bytes counts to the last of them, and reaches the handler whole',
    group,
    ids: ['B11', 'C5'],
    async run(context) {
      const files = desk()
      const site = await openSite(context, files)
      const body = randomBytes(300_000)
      const other = Buffer.from(body)
      other[other.length - 1] = Number(body.at(-1)) ^ 1
      const ask: Ask = { key: newKey(), type: 'application/octet-stream', body }
      const first = await site.ask('/orders', ask)
      replayOf(await site.ask('/orders', ask), first)
      refused(await site.ask('/orders', { ...ask, body: other }), 422, 'fingerprint-mismatch')
      assert.equal(files.runs, 1)
      const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
      assert.equal(digest(files.seen[0]?.body ?? Buffer.alloc(0)), digest(body))
    },
  },
  {
    name: 'one key is another operation on another path, query, mount or method',
    group,
    ids: ['B8', 'T1'],
    async run(context) {
      const things = desk()
      const { run } = things
      const site = await openSite(context, [
        { method: 'POST', path: '/orders', run },
        { method: 'PATCH', path: '/orders', run },
        { method: 'POST', path: '/refunds', run },
        { method: 'POST', path: '/orders', mount: '/v1', run },
        { method: 'POST', path: '/orders', mount: '/v2', run },
      ])
      const places: readonly [string, string][] = [
        ['POST', '/orders'],
        ['PATCH', '/orders'],
        ['POST', '/refunds'],
        ['POST', '/v1/orders'],
        ['POST', '/v2/orders'],
        ['POST', '/orders?amount=1'],
        ['POST', '/orders?amount=2'],
      ]
      const answers = []
      for (const [method, path] of places) answers.push(await site.ask(path, { method, key: 'one-key' }))
      for (const [at, { status, replayed }] of answers.entries()) {
        assert.deepEqual([status, replayed], [201, false], places[at]?.join(' '))
      }
      assert.equal(things.runs, places.length)
      for (const [at, [method, path]] of places.entries()) {
        replayOf(await site.ask(path, { method, key: 'one-key' }), answers[at] as (typeof answers)[number])
      }
    },
  },
  {
    name: 'the content type is part of the payload, however it is written',
    group,
    ids: ['C5', 'T15'],
    async run(context) {
      const site = await openSite(context, desk())
      const ask = { key: newKey(), body: 'a=1' }
      const first = await site.ask('/orders', { ...ask, type: 'text/plain; charset=utf-8' })
      replayOf(await site.ask('/orders', { ...ask, type: 'Text/Plain;charset=UTF-8' }), first)
      const other = await site.ask('/orders', { ...ask, type: 'application/octet-stream' })
      refused(other, 422, 'fingerprint-mismatch')
    },
  },
  {
    name: 'a request without a body has a payload too: none',
    group,
    ids: ['C5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const key = newKey()
      const first = await site.ask('/orders', { key, body: '' })
      replayOf(await site.ask('/orders', { key, body: '' }), first)
      refused(await site.ask('/orders', { key, body: '{"a":1}' }), 422, 'fingerprint-mismatch')
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a fingerprint of the user decides alone',
    group,
    ids: ['C5'],
    async run(context) {
      const fingerprint = (call: { header(name: string): string | undefined }) => call.header('x-intent') ?? ''
      const site = await openSite(context, desk(), { options: { fingerprint } })
      const ask = { key: newKey(), headers: { 'x-intent': 'pay' } }
      const first = await site.ask('/orders', { ...ask, body: '{"a":1}' })
      replayOf(await site.ask('/orders', { ...ask, body: '{"a":2}' }), first)
      refused(await site.ask('/orders', { ...ask, headers: { 'x-intent': 'refund' } }), 422, 'fingerprint-mismatch')
    },
  },
]
