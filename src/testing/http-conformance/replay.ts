import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { replayOf, sameAnswer } from './client.ts'
import type { HttpCase, HttpScript } from './harness.ts'
import { created, desk, newKey, openSite, pause } from './site.ts'

const group = 'replay'
const OCTETS = ['content-type', 'application/octet-stream'] as const

const EMPTY: readonly HttpScript[] = [204, 205, 304].map((status) => ({ status }))
const STATUSES: readonly HttpScript[] = [
  ...EMPTY,
  { status: 200, headers: [['content-type', 'text/plain; charset=utf-8']], body: 'done' },
  { status: 200, headers: [['content-type', 'text/html; charset=utf-8']], body: '<p>done</p>' },
  { status: 201, headers: [['location', '/orders/1']], body: '' },
  { status: 202, headers: [['content-type', 'application/json']], body: 'null' },
  { status: 303, headers: [['location', '/orders/1?paid=yes']] },
  { status: 307, headers: [['location', 'https://elsewhere.example/orders']] },
  { status: 400, headers: [['content-type', 'application/json']], body: '{"error":"amount"}' },
  { status: 404, headers: [['content-type', 'application/json']], body: '{"error":"no such cart"}' },
  { status: 410, body: '' },
  { status: 422, headers: [['content-type', 'application/problem+json']], body: '{"title":"no"}' },
]

/** Headers that belong to one client, one connection or one moment. */
const NEVER: readonly (readonly [string, string])[] = [
  ['set-cookie', 'session=secret; HttpOnly'],
  ['set-cookie', 'second=secret'],
  ['www-authenticate', 'Bearer realm="x"'],
  ['authentication-info', 'nextnonce="x"'],
  ['proxy-authenticate', 'Basic'],
  ['authorization', 'Bearer x'],
  ['age', '17'],
  ['upgrade', 'h2c'],
  ['x-request-id', 'one-of-the-first'],
]

export const replayCases: readonly HttpCase[] = [
  {
    name: 'every status is given again as it was, those without a body and those with a place to go included',
    group,
    ids: ['B10', 'B28', 'C9', '4xx-replayed'],
    async run(context) {
      const orders = desk((run) => STATUSES[run - 1] as HttpScript)
      const site = await openSite(context, orders)
      for (const { status } of STATUSES) {
        const key = newKey()
        const first = await site.ask('/orders', { key })
        assert.equal(first.status, status)
        replayOf(await site.ask('/orders', { key }), first)
      }
      assert.equal(orders.runs, STATUSES.length)
    },
  },
  {
    name: 'as many random bytes as can be kept come back to the last of them',
    group,
    ids: ['B11'],
    async run(context) {
      const body = randomBytes(700_000)
      const site = await openSite(
        context,
        desk(() => ({ status: 200, headers: [OCTETS], body })),
        { options: { maxBodyBytes: 700_000 } },
      )
      const key = newKey()
      const first = await site.ask('/orders', { key })
      const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
      assert.equal(digest(first.body), digest(body))
      replayOf(await site.ask('/orders', { key }), first)
    },
  },
  {
    name: 'text that grows where it is stored is given again as any other',
    group,
    ids: ['B11', 'B32'],
    async run(context) {
      // Within the default `maxBodyBytes`; as JSON text the first would be six times as long, more than a result may be.
      for (const filling of ['\u0000', '"', '\n', '\u{1f6d7}']) {
        const body = filling.repeat(250_000 / Buffer.byteLength(filling))
        const site = await openSite(
          context,
          desk(() => ({ status: 200, headers: [['content-type', 'text/plain']], body })),
        )
        const first = await site.ask('/orders', { key: 'k' })
        assert.equal(first.body.toString(), body)
        replayOf(await site.ask('/orders', { key: 'k' }), first)
      }
    },
  },
  {
    name: 'an answer that came in parts, with pauses, is given again whole',
    group,
    ids: ['B11', 'B12'],
    async run(context) {
      const parts = async function* () {
        for (const part of ['one ', 'two ', 'é\u{1f6d7}', ' three']) {
          yield Buffer.from(part)
          await pause(15)
        }
      }
      const files = desk(() => ({ status: 200, headers: [OCTETS], body: parts() }))
      const site = await openSite(context, files)
      const key = newKey()
      const first = await site.ask('/orders', { key })
      assert.equal(first.body.toString(), 'one two é\u{1f6d7} three')
      replayOf(await site.ask('/orders', { key }), first)
      assert.equal(files.runs, 1)
    },
  },
  {
    name: 'cookies, challenges and whatever is not listed are of the first answer only',
    group,
    ids: ['B13', 'T6'],
    async run(context) {
      const site = await openSite(
        context,
        desk(() => ({ ...created({}), headers: [['content-type', 'application/json'], ...NEVER] })),
      )
      const key = newKey()
      const first = await site.ask('/orders', { key })
      assert.deepEqual(first.lines('set-cookie'), ['session=secret; HttpOnly', 'second=secret'])
      const second = await site.ask('/orders', { key })
      replayOf(second, first)
      for (const [name] of NEVER) assert.equal(second.header(name), undefined, name)
      assert.equal(second.header('cache-control'), 'no-store')
      assert.equal(second.lines('date').length, 1)
      // One end of the body: its length, or chunks where the adapter sends those.
      assert.equal(second.lines('content-length').length + second.lines('transfer-encoding').length, 1)
    },
  },
  {
    name: 'a header that is kept keeps all of its values',
    group,
    ids: ['B13'],
    async run(context) {
      const links = ['</a>; rel="next"', '</b>; rel="prev"']
      const headers = [...links.map((link) => ['link', link] as const), ['etag', '"v1"'] as const]
      const site = await openSite(
        context,
        desk(() => ({ status: 200, headers, body: '' })),
      )
      const key = newKey()
      await site.ask('/orders', { key })
      const second = await site.ask('/orders', { key })
      assert.equal(second.lines('link').join(', '), links.join(', '))
      assert.equal(second.header('etag'), '"v1"')
    },
  },
  {
    name: 'which headers are kept, and how a replay shows itself, may be chosen',
    group,
    ids: ['B13', 'replayed-header'],
    async run(context) {
      const orders = () =>
        desk(() => ({
          ...created({}),
          headers: [
            ['content-type', 'application/json'],
            ['x-order', '7'],
          ],
        }))
      const options = { replayHeaders: ['Content-Type', 'X-Order'], replayedHeader: 'Idempotent-Replayed' }
      const site = await openSite(context, orders(), { options })
      const first = await site.ask('/orders', { key: 'k' })
      const second = await site.ask('/orders', { key: 'k' })
      sameAnswer(second, first)
      assert.deepEqual(
        [second.header('x-order'), second.header('idempotent-replayed'), second.replayed],
        ['7', 'true', false],
      )
      const silent = await openSite(context, orders(), { options: { replayedHeader: false } })
      sameAnswer(await silent.ask('/orders', { key: 'k' }), await silent.ask('/orders', { key: 'k' }))
    },
  },
  {
    name: 'an answer of the longest length is kept, and of a longer one the status and headers',
    group,
    ids: ['B32', 'T5', 'omitted-body-replay'],
    async run(context) {
      const told: unknown[] = []
      const files = desk((_run, { body }) => ({
        status: 201,
        headers: [OCTETS, ['location', '/files/1']],
        body: Buffer.alloc(Number(JSON.parse(Buffer.from(body).toString()).length), 'x'),
      }))
      const options = { maxBodyBytes: 1_000, onUnrecordable: (why: unknown) => void told.push(why) }
      const site = await openSite(context, files, { options })
      const [fits, tooLong] = [
        { key: newKey(), body: '{"length":1000}' },
        { key: newKey(), body: '{"length":1001}' },
      ]
      const whole = await site.ask('/orders', fits)
      replayOf(await site.ask('/orders', fits), whole)
      const first = await site.ask('/orders', tooLong)
      assert.equal(first.body.length, 1_001)
      const second = await site.ask('/orders', tooLong)
      assert.deepEqual(
        [second.status, second.header('location'), second.body.length, second.replayed],
        [201, '/files/1', 0, true],
      )
      assert.equal(second.header('idempotency-body-omitted'), 'too-long')
      assert.deepEqual(told, ['too-long'])
      assert.equal(files.runs, 2)
    },
  },
  {
    name: 'what must not be stored is taken out of the record, not out of the first answer',
    group,
    ids: ['T6'],
    async run(context) {
      const site = await openSite(
        context,
        desk(() => ({ status: 201, headers: [['content-type', 'application/json']], body: '{"card":"a secret"}' })),
        { options: { redact: (reply) => ({ ...reply, body: Buffer.from('{"card":null}') }) } },
      )
      assert.deepEqual((await site.ask('/orders', { key: 'k' })).json(), { card: 'a secret' })
      assert.deepEqual((await site.ask('/orders', { key: 'k' })).json(), { card: null })
      const page = await site.store.list({ limit: 10 })
      assert.doesNotMatch(JSON.stringify(page, bytesAsText), /a secret/)
    },
  },
]

function bytesAsText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value
}
