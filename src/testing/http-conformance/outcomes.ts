import assert from 'node:assert/strict'
import { refused, replayOf, sameAnswer } from './client.ts'
import type { HttpCase } from './harness.ts'
import { created, desk, gate, newKey, openSite, pause } from './site.ts'

const group = 'outcomes'

const FREED = [401, 403, 408, 409, 425, 429, 500, 502, 503, 504]
const KEPT = [200, 204, 303, 400, 402, 404, 405, 410, 413, 415, 422, 451]

export const outcomeCases: readonly HttpCase[] = [
  {
    name: 'an answer that may be another one next time frees the key',
    group,
    ids: ['B14', 'C9', 'T18', '5xx-not-stored'],
    async run(context) {
      for (const status of FREED) {
        const orders = desk((run) => (run === 1 ? { status, body: '' } : created({ run })))
        const site = await openSite(context, orders)
        const key = newKey()
        assert.equal((await site.ask('/orders', { key })).status, status)
        const second = await site.ask('/orders', { key })
        assert.deepEqual([second.status, second.replayed, orders.runs], [201, false, 2], `after ${status}`)
        replayOf(await site.ask('/orders', { key }), second)
      }
    },
  },
  {
    name: 'an answer that would be the same next time is final',
    group,
    ids: ['B14', 'C9', '4xx-replayed'],
    async run(context) {
      for (const status of KEPT) {
        const orders = desk(() => ({ status, ...(status === 204 ? {} : { body: '' }) }))
        const site = await openSite(context, orders)
        const key = newKey()
        const first = await site.ask('/orders', { key })
        replayOf(await site.ask('/orders', { key }), first)
        assert.equal(orders.runs, 1, `after ${status}`)
      }
    },
  },
  {
    name: 'a key that was freed stays bound to its payload',
    group,
    ids: ['B14', 'T18'],
    async run(context) {
      const orders = desk((run) => ({ status: run === 1 ? 503 : 201, body: '' }))
      const site = await openSite(context, orders)
      const key = newKey()
      assert.equal((await site.ask('/orders', { key, body: '{"amount":1}' })).status, 503)
      refused(await site.ask('/orders', { key, body: '{"amount":2}' }), 422, 'fingerprint-mismatch')
      assert.equal((await site.ask('/orders', { key, body: '{"amount":1}' })).status, 201)
    },
  },
  {
    name: 'the user may say what is final and what is not',
    group,
    ids: ['B14', 'C16'],
    async run(context) {
      const orders = desk((run) => ({ status: run === 1 ? 500 : 200, body: `${run}` }))
      const keep = await openSite(context, orders, { options: { outcome: () => 'final' } })
      const first = await keep.ask('/orders', { key: 'k' })
      replayOf(await keep.ask('/orders', { key: 'k' }), first)
      const free = await openSite(context, orders, {
        options: { outcome: ({ status }) => (status === 200 ? 'release' : undefined) },
      })
      await free.ask('/orders', { key: 'k' })
      assert.ok(!(await free.ask('/orders', { key: 'k' })).replayed)
      assert.equal(orders.runs, 3)
    },
  },
  {
    name: 'a handler that throws is answered by the framework, and the next request runs it again',
    group,
    ids: ['B14'],
    async run(context) {
      const orders = desk((run) => {
        if (run === 1) throw new Error('the handler failed on purpose')
        return created({ run })
      })
      const site = await openSite(context, orders)
      const key = newKey()
      assert.equal((await site.ask('/orders', { key })).status, 500)
      const second = await site.ask('/orders', { key })
      assert.deepEqual([second.status, second.replayed], [201, false])
      replayOf(await site.ask('/orders', { key }), second)
    },
  },
  {
    name: 'half an answer is never given again: a handler that breaks off runs again',
    group,
    ids: ['B12', 'B14'],
    async run(context) {
      const door = gate()
      const half = async function* () {
        yield Buffer.from('half of ')
        await door.passed
        throw new Error('the source failed on purpose')
      }
      const files = desk((run) => (run === 1 ? { status: 200, body: half() } : created({ run })))
      const site = await openSite(context, files)
      const key = newKey()
      await assert.rejects(
        site.ask('/orders', { key, onHead: door.open }),
        'the client can see that it has not everything',
      )
      let second = await site.ask('/orders', { key })
      for (let again = 0; again < 100 && second.status === 409; again++) {
        await pause(20)
        second = await site.ask('/orders', { key })
      }
      assert.deepEqual([second.status, second.replayed, files.runs], [201, false, 2])
    },
  },
  {
    name: 'where duplicates are rejected, the second of a form is told that it was submitted',
    group,
    ids: ['C16'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders, { options: { onDuplicate: 'reject' } })
      assert.equal((await site.ask('/orders', { key: 'k' })).status, 201)
      refused(await site.ask('/orders', { key: 'k' }), 409, 'duplicate')
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'a function of the user that throws after the handler ran changes nothing for the client',
    group,
    ids: ['B33'],
    async run(context) {
      const orders = desk((run, { body }) => {
        const { length } = JSON.parse(Buffer.from(body).toString()) as { length?: number }
        return length === undefined ? created({ run }) : { status: 200, body: Buffer.alloc(length, 'x') }
      })
      const fails = () => {
        throw new Error('on purpose')
      }
      const errors: unknown[] = []
      const site = await openSite(context, orders, {
        options: { outcome: fails, onUnrecordable: fails, maxBodyBytes: 10_000 },
        engine: { onListenerError: (error) => void errors.push(error) },
      })
      site.once.on(fails)
      const first = await site.ask('/orders', { key: 'k' })
      assert.equal(first.status, 201)
      sameAnswer(await site.ask('/orders', { key: 'k' }), first)
      const long = await site.ask('/orders', { key: 'long', body: '{"length":10001}' })
      assert.deepEqual([long.status, long.body.length], [200, 10_001])
      assert.equal((await site.ask('/orders', { key: 'long', body: '{"length":10001}' })).status, 200)
      assert.equal(orders.runs, 2)
      assert.ok(errors.length > 0)
    },
  },
  {
    name: 'every request with a key tells of exactly one end',
    group,
    ids: ['B33'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      await site.ask('/orders', { key: 'k' })
      await site.ask('/orders', { key: 'k' })
      await site.ask('/orders', { key: 'k', body: '{"other":1}' })
      const ends = site.events.map(({ type }) => type).filter((type) => type !== 'claimed')
      assert.deepEqual(ends, ['executed', 'replayed', 'mismatch'])
    },
  },
]
