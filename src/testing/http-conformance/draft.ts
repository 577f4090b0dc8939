import assert from 'node:assert/strict'
import { refused, replayOf } from './client.ts'
import { type HttpCase, PROBLEM_TYPE } from './harness.ts'
import { desk, gate, newKey, openSite, until } from './site.ts'

const group = 'the draft'
const DOCS = 'https://developer.example.com/idempotency'

export const draftCases: readonly HttpCase[] = [
  {
    name: 'the first request with a key is carried out as usual, and its handler gets what was sent',
    group,
    ids: ['C8', 'post-executes-once'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const answer = await site.ask('/orders', { key: newKey(), body: '{"amount":1}' })
      assert.equal(answer.status, 201)
      assert.equal(orders.runs, 1)
      assert.deepEqual(JSON.parse(Buffer.from(orders.seen[0]?.body ?? '').toString()), { amount: 1 })
      assert.ok(!answer.replayed)
    },
  },
  {
    name: 'a request after the first is answered as the first was, and says so',
    group,
    ids: ['C9', 'retry-replays', 'replayed-header'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const ask = { key: newKey(), body: '{"amount":1}' }
      const first = await site.ask('/orders', ask)
      for (let again = 0; again < 3; again++) replayOf(await site.ask('/orders', ask), first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'two keys are two operations',
    group,
    ids: ['C3', 'two-keys-execute-twice'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const [one, two] = [await site.ask('/orders', { key: 'one' }), await site.ask('/orders', { key: 'two' })]
      assert.equal(orders.runs, 2)
      assert.notDeepEqual(one.json(), two.json())
    },
  },
  {
    name: 'while the first is under way, another is refused with 409 and told when to come back',
    group,
    ids: ['C10', 'B3', 'concurrent-409', 'retry-after-on-409'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        await door.passed
        return { status: 201, body: `${run}` }
      })
      const site = await openSite(context, orders)
      const key = newKey()
      const first = site.ask('/orders', { key })
      await until(() => orders.runs === 1, 'the handler runs')
      const second = await site.ask('/orders', { key })
      refused(second, 409, 'conflict')
      assert.equal(second.json().title, 'A request is outstanding for this Idempotency-Key')
      const after = Number(second.header('retry-after'))
      assert.ok(after >= 1 && after <= 30, `Retry-After ${after} is within the lease of 30 s`)
      door.open()
      assert.equal((await first).status, 201)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a key that is required and missing is refused with 400 and a link to the documentation',
    group,
    ids: ['C11', 'C14', 'key-missing-required'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { required: true, docs: DOCS } })
      const answer = await site.ask('/orders')
      refused(answer, 400, 'missing-key')
      assert.equal(answer.json().title, 'Idempotency-Key is missing')
      assert.match(answer.header('link') ?? '', /^<https:\/\/developer\.example\.com\/idempotency>; rel="describedby"/)
      assert.equal(orders.runs, 0)
    },
  },
  {
    name: 'a key that is missing where it is not required leaves the request unprotected',
    group,
    ids: ['C11'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const answers = [await site.ask('/orders'), await site.ask('/orders')]
      assert.deepEqual(
        answers.map(({ status, replayed }) => [status, replayed]),
        [
          [201, false],
          [201, false],
        ],
      )
      assert.equal(orders.runs, 2)
    },
  },
  {
    name: 'which requests need a key may be decided for each',
    group,
    ids: ['C11'],
    async run(context) {
      const orders = desk()
      const needsKey = (url: string) => url.startsWith('/orders?strict')
      const site = await openSite(context, orders, { options: { required: (call) => needsKey(call.url) } })
      assert.equal((await site.ask('/orders')).status, 201)
      refused(await site.ask('/orders?strict'), 400, 'missing-key')
    },
  },
  {
    name: 'a key used for another payload is refused with 422, again and again, and the first request is as it was',
    group,
    ids: ['C12', 'C15', 'B5', 'mismatch-422', 'mismatch-does-not-poison'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { docs: DOCS } })
      const key = newKey()
      const first = await site.ask('/orders', { key, body: '{"amount":1}' })
      for (let again = 0; again < 3; again++) {
        const other = await site.ask('/orders', { key, body: '{"amount":2}' })
        refused(other, 422, 'fingerprint-mismatch')
        assert.equal(other.json().title, 'Idempotency-Key is already used')
        assert.match(other.header('link') ?? '', /rel="describedby"/)
      }
      replayOf(await site.ask('/orders', { key, body: '{"amount":1}' }), first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'what is refused is told in a problem document that no cache keeps',
    group,
    ids: ['C13', 'problem-content-type', 'problem-code-member'],
    async run(context) {
      const site = await openSite(context, desk(), { options: { required: true, docs: DOCS } })
      const answer = await site.ask('/orders')
      assert.equal(answer.header('content-type')?.split(';')[0], PROBLEM_TYPE)
      assert.equal(answer.header('content-language'), 'en')
      assert.equal(answer.header('cache-control'), 'no-store')
      const { type, title, detail, status, code } = answer.json()
      assert.equal(type, `${DOCS}#missing-key`)
      assert.equal(status, 400)
      assert.equal(code, 'missing-key')
      assert.ok(typeof title === 'string' && typeof detail === 'string' && detail.length > 0)
    },
  },
  {
    name: 'the name of the header may be written in any case, and may be another one',
    group,
    ids: ['C18', 'header-name-case-insensitive'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const first = await site.ask('/orders', { headers: { 'IDEMPOTENCY-KEY': 'k-1' } })
      replayOf(await site.ask('/orders', { headers: { 'idempotency-Key': 'k-1' } }), first)
      const named = await openSite(context, orders, { options: { header: 'X-Request-Id', required: true } })
      const other = await named.ask('/orders', { headers: { 'x-request-id': 'k-1' } })
      replayOf(await named.ask('/orders', { headers: { 'x-request-id': 'k-1' } }), other)
      assert.match(String((await named.ask('/orders')).json().title), /X-Request-Id is missing/)
      assert.equal(orders.runs, 2)
    },
  },
  {
    name: 'methods that are idempotent by themselves pass untouched, unless asked for',
    group,
    ids: ['C18', 'get-ignored'],
    async run(context) {
      const things = desk((run) => ({ status: 200, headers: [['x-run', `${run}`]], body: `${run}` }))
      const routes = ['GET', 'PUT', 'DELETE'].map((method) => ({ method, path: '/things', run: things.run }))
      const site = await openSite(context, routes, { options: { required: true } })
      for (const { method } of routes) {
        for (let again = 0; again < 2; again++) {
          const answer = await site.ask('/things', { method, key: 'k-1' })
          assert.deepEqual([answer.status, answer.replayed], [200, false])
        }
      }
      assert.equal(things.runs, 6)
      const asked = await openSite(context, routes, { options: { methods: ['PUT'] } })
      const first = await asked.ask('/things', { method: 'PUT', key: 'k-1' })
      replayOf(await asked.ask('/things', { method: 'PUT', key: 'k-1' }), first)
    },
  },
  {
    name: 'a key whose retention is over is a new key',
    group,
    ids: ['C4', 'B30', 'expiry-executes-again'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { retentionMs: 60_000 } })
      const key = newKey()
      const first = await site.ask('/orders', { key })
      site.pass(59_000)
      replayOf(await site.ask('/orders', { key }), first)
      site.pass(2_000)
      const late = await site.ask('/orders', { key, body: '{"other":"payload"}' })
      assert.deepEqual([late.status, late.replayed], [201, false])
      assert.equal(orders.runs, 2)
    },
  },
  {
    name: 'the adapter publishes how keys are used, and when they expire',
    group,
    ids: ['C7', 'C17'],
    async run(context) {
      const options = { required: true, docs: DOCS, retentionMs: 3_600_000 }
      const { server } = await openSite(context, desk(), { options })
      assert.ok(server.describe !== undefined, 'the harness hands out what the adapter describes')
      const { openapi, ...policy } = server.describe() as { openapi(): { parameters: object[] } } & Record<
        string,
        unknown
      >
      assert.equal(policy.header, 'Idempotency-Key')
      assert.equal(policy.required, true)
      assert.equal(policy.expiresAfterSeconds, 3_600)
      assert.equal(policy.docs, DOCS)
      assert.equal(openapi().parameters.length, 1)
    },
  },
]
