import assert from 'node:assert/strict'
import { refused, replayOf } from './client.ts'
import type { HttpCase } from './harness.ts'
import { created, desk, newKey, openSite } from './site.ts'

const group = 'tenants'

export const tenantCases: readonly HttpCase[] = [
  {
    name: 'one key of two clients is two operations, and no byte of one is seen by the other',
    group,
    ids: ['B9', 'C17', 'T1'],
    async run(context) {
      const orders = desk(() => created({}))
      const site = await openSite(context, orders)
      const key = newKey()
      const ann = await site.ask('/orders', { key, user: 'ann' })
      const bob = await site.ask('/orders', { key, user: 'bob' })
      assert.deepEqual([bob.status, bob.replayed, orders.runs], [201, false, 2])
      assert.notEqual(ann.json().receipt, bob.json().receipt)
      replayOf(await site.ask('/orders', { key, user: 'ann' }), ann)
      replayOf(await site.ask('/orders', { key, user: 'bob' }), bob)
    },
  },
  {
    name: 'client and key cannot be moved against one another',
    group,
    ids: ['T1', 'T13'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const pairs: readonly [string, string][] = [
        ['a', 'bc'],
        ['ab', 'c'],
        ['a:b', 'c'],
        ['a', 'b:c'],
        ['a","b', 'c'],
        ['A', 'bc'],
        ['x'.repeat(250), 'bc'],
        ['x'.repeat(251), 'bc'],
      ]
      for (const [user, key] of pairs) {
        const quoted = `"${key.replaceAll('"', '\\"')}"`
        const answer = await site.ask('/orders', { user, key: quoted })
        assert.deepEqual([answer.status, answer.replayed], [201, false], `${user} ${key}`)
      }
      assert.equal(orders.runs, pairs.length)
    },
  },
  {
    name: 'whoever guesses keys of another client finds none',
    group,
    ids: ['T3', 'T1'],
    async run(context) {
      const orders = desk()
      const site = await openSite(context, orders)
      const keys = Array.from({ length: 100 }, (_, n) => `order-${n}`)
      for (const key of keys) await site.ask('/orders', { key, user: 'ann' })
      const guesses = await Promise.all(keys.map((key) => site.ask('/orders', { key, user: 'mallory' })))
      assert.equal(guesses.filter((answer) => answer.replayed || answer.status !== 201).length, 0)
    },
  },
  {
    name: 'a key that another client took first does not stand in the way',
    group,
    ids: ['T1'],
    async run(context) {
      const site = await openSite(context, desk())
      await site.ask('/orders', { key: 'predictable', user: 'mallory', body: '{"amount":0}' })
      const answer = await site.ask('/orders', { key: 'predictable', user: 'ann', body: '{"amount":1}' })
      assert.deepEqual([answer.status, answer.replayed], [201, false])
    },
  },
  {
    name: 'a client that cannot be told from others is an error of the server, and runs nothing',
    group,
    ids: ['B9', 'T1'],
    async run(context) {
      for (const principal of ['', 'undefined', 'null', '[object Object]']) {
        const orders = desk()
        const site = await openSite(context, orders, { options: { scope: () => principal } })
        assert.equal((await site.ask('/orders', { key: newKey() })).status, 500, principal)
        assert.equal(orders.runs, 0)
      }
    },
  },
  {
    name: 'a function that finds out who is asking, and fails, runs nothing',
    group,
    ids: ['B9', 'T19'],
    async run(context) {
      const orders = desk()
      const scope = async () => {
        throw new Error('the directory is down')
      }
      const site = await openSite(context, orders, { options: { scope } })
      assert.equal((await site.ask('/orders', { key: newKey() })).status, 500)
      assert.equal(orders.runs, 0)
      assert.deepEqual((await site.store.list({ limit: 10 })).items, [])
    },
  },
  {
    name: 'an answer is not given again to a client that lost the right to it',
    group,
    ids: ['T7'],
    async run(context) {
      const orders = desk()
      let revoked = false
      const site = await openSite(context, orders, { options: { canReplay: async () => !revoked } })
      const ask = { key: newKey() }
      const first = await site.ask('/orders', ask)
      replayOf(await site.ask('/orders', ask), first)
      revoked = true
      refused(await site.ask('/orders', ask), 403, 'replay-refused')
      assert.equal(orders.runs, 1)
    },
  },
]
