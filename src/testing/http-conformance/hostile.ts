import assert from 'node:assert/strict'
import { refused, replayOf } from './client.ts'
import type { HttpCase } from './harness.ts'
import { desk, newKey, openSite } from './site.ts'

const group = 'hostile clients'

export const hostileCases: readonly HttpCase[] = [
  {
    name: 'a client that invents keys is slowed down, and the keys it has go on working',
    group,
    ids: ['T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { newKeysPerMinute: 5 } })
      const answers = []
      for (let n = 0; n < 8; n++) answers.push(await site.ask('/orders', { key: `k-${n}`, user: 'mallory' }))
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201, 201, 201, 201, 201, 429, 429, 429],
      )
      const last = answers.at(-1) as (typeof answers)[number]
      refused(last, 429, 'too-many-keys')
      const after = Number(last.header('retry-after'))
      assert.ok(after >= 1 && after <= 60)
      replayOf(await site.ask('/orders', { key: 'k-0', user: 'mallory' }), answers[0] as typeof last)
      assert.equal((await site.ask('/orders', { key: 'k-0', user: 'ann' })).status, 201)
      assert.equal(orders.runs, 6)
    },
  },
  {
    name: 'a key of a megabyte is refused before anything is looked up',
    group,
    ids: ['T5', 'key-too-long'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const header = `idempotency-key: ${'x'.repeat(1 << 20)}`
      const answer = await site.raw(`POST /orders HTTP/1.1\r\nhost: here\r\n${header}\r\ncontent-length: 0\r\n\r\n`)
      assert.doesNotMatch(answer, /^HTTP\/1\.1 2/)
      assert.equal(orders.runs, 0)
      assert.deepEqual((await site.store.list({ limit: 10 })).items, [])
    },
  },
  {
    name: 'member names made to collide, and nesting without end, cost no more than other bodies',
    group,
    ids: ['T14', 'T5'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const members = Array.from({ length: 20_000 }, (_, n) => `"${n * 4096}":0`)
      const flood = `{${members.join(',')}}`
      const deep = `${'['.repeat(3_000)}${']'.repeat(3_000)}`
      for (const body of [flood, deep, '{"__proto__":{"polluted":true},"constructor":{"prototype":1}}']) {
        const ask = { key: newKey(), body, type: 'application/vnd.shop+json' }
        const began = performance.now()
        const first = await site.ask('/orders', ask)
        assert.ok(performance.now() - began < 5_000)
        assert.equal(first.status, 201, first.body.toString())
        replayOf(await site.ask('/orders', ask), first)
      }
      assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    },
  },
  {
    name: 'header names and values of a request cannot become headers of an answer',
    group,
    ids: ['T13'],
    async run(context) {
      const site = await openSite(context, desk())
      const keys = ['"a%0d%0aset-cookie: x=1"', '"a;set-cookie=x"', '"<script>alert(1)</script>"', '"{x}$y"']
      for (const key of keys) {
        const first = await site.ask('/orders', { key })
        const other = await site.ask('/orders', { key, body: '{"other":1}' })
        for (const answer of [first, other, await site.ask('/orders', { key })]) {
          assert.equal(answer.header('set-cookie'), undefined)
        }
        refused(other, 422, 'fingerprint-mismatch')
        assert.doesNotMatch(other.body.toString(), /script|set-cookie/)
      }
    },
  },
  {
    name: 'a wrong key is not told back to whoever sent it',
    group,
    ids: ['T13', 'T6'],
    async run(context) {
      const site = await openSite(context, desk())
      const answer = await site.ask('/orders', { key: '"<img src=x>' })
      refused(answer, 400, 'invalid-key')
      assert.doesNotMatch(answer.body.toString(), /<img/)
    },
  },
]
