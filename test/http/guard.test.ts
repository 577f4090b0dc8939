import { describe, expect, it } from 'vitest'
import type { HttpReply } from '../../src/http/call.ts'
import { gate } from '../engine-kit.ts'
import { guarded, type Request, seen } from './guard-kit.ts'

describe('a request', () => {
  it('runs once, and its duplicate gets the same answer', async () => {
    const { ask, runs } = guarded()
    const [first, second] = [await ask(), await ask()]
    expect([seen(first), seen(second)]).toEqual(['201 {"order":1}', '201 {"order":1} (replayed)'])
    expect(second?.headers).toContainEqual(['location', '/orders/1'])
    expect(second?.headers).toContainEqual(['cache-control', 'no-store'])
    expect(runs()).toBe(1)
  })

  it('is its own for every principal, method, path and query', async () => {
    const { ask, runs } = guarded()
    const others: Request[] = [
      {},
      { user: 'bob' },
      { url: '/refunds' },
      { url: '/orders?dry=1' },
      { method: 'PATCH' },
      { key: 'k2' },
    ]
    for (const other of others) expect(seen(await ask(other))).toContain('201')
    expect(runs()).toBe(others.length)
  })

  it('never meets another one because of how the parts of its name are put together', async () => {
    const { ask, runs } = guarded()
    await ask({ user: 'a","POST","/x', url: '/y' })
    await ask({ user: 'a', url: '/x","POST","/y' })
    await ask({ user: 'a', url: `/${'x'.repeat(300)}` })
    await ask({ user: 'a', url: `/${'x'.repeat(301)}` })
    await ask({ user: 'a', url: '/orders/undefined' })
    expect(runs()).toBe(5)
  })

  it('with another payload is refused, also while the first one runs, and harms nothing', async () => {
    const { ask, runs, created } = guarded()
    const { started, effect } = gate<HttpReply>()
    const first = ask({}, effect)
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen(await ask({ body: '{"amount":2}' }))).toBe('422 fingerprint-mismatch')
    started[0]?.resolve(await created(undefined as never))
    expect(seen(await first)).toBe('201 {"order":1}')
    expect(seen(await ask({ body: '{"amount":2}' }))).toBe('422 fingerprint-mismatch')
    expect(seen(await ask())).toBe('201 {"order":1} (replayed)')
    expect(runs()).toBe(1)
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('with %s passes untouched', async (method) => {
    const { ask, guard } = guarded()
    expect(await ask({ method })).toBeUndefined()
    expect(guard.concerns(method)).toBe(false)
  })

  it('is told when to ask again while the first one runs', async () => {
    const { ask, runtime } = guarded()
    void ask({}, gate<HttpReply>().effect)
    await runtime.advance(500)
    const answer = await ask()
    expect(seen(answer)).toBe('409 conflict')
    expect(answer?.headers).toContainEqual(['retry-after', '3'])
  })
})

it('a body counts by what it says', async () => {
  const { ask } = guarded()
  const same = ['{"a":1,"b":{"c":[1,2]}}', '{ "b": {"c":[1.0,2]}, "a": 1e0 }', '{"a":1,"b":{"c":[1,2]}}\n']
  for (const body of same) expect(seen(await ask({ body }))).toContain('201 {"order":1}')
  const others = [
    '{"a":"1","b":{"c":[1,2]}}',
    '{"a":1,"b":{"c":[2,1]}}',
    '{"a":0,"a":1,"b":{"c":[1,2]}}',
    '{"a":1,"b":{"c":[1,2]}',
    '',
  ]
  for (const body of others) expect(seen(await ask({ body }))).toBe('422 fingerprint-mismatch')
  const raw = guarded({ fingerprint: 'raw' })
  await raw.ask({ body: '{"a":1}' })
  expect(seen(await raw.ask({ body: '{"a": 1}' }))).toBe('422 fingerprint-mismatch')
  expect(seen(await raw.ask({ key: 'k3', body: 'x'.repeat(2_000_000) }))).toBe('413 payload-too-large')
})

it('new keys are limited for each scope, and duplicates are not new', async () => {
  const { ask, runs, runtime } = guarded({ newKeysPerMinute: 3 })
  for (const key of ['a', 'b', 'c']) await ask({ key })
  const refused = await ask({ key: 'd' })
  expect(seen(refused)).toBe('429 too-many-keys')
  expect(refused?.headers).toContainEqual(['retry-after', '60'])
  expect(seen(await ask({ key: 'a' }))).toContain('replayed')
  expect(seen(await ask({ key: 'd', user: 'bob' }))).toContain('201')
  await runtime.advance(60_000)
  expect(seen(await ask({ key: 'd' }))).toContain('201')
  expect(runs()).toBe(5)
})

it('new keys that come at once are limited as well, and their duplicates do not count', async () => {
  const { ask, runs } = guarded({ newKeysPerMinute: 3, onInFlight: 'wait' })
  const answers = await Promise.all(['a', 'a', 'b', 'b', 'a', 'c', 'd', 'e', 'a'].map((key) => ask({ key })))
  expect(answers.map((one) => one?.status)).toEqual([201, 201, 201, 201, 201, 201, 429, 429, 201])
  expect(runs()).toBe(3)
})

it('what turns out to be no new key takes nothing from them', async () => {
  const { ask, runs } = guarded({ newKeysPerMinute: 3 })
  await ask({ key: 'a' })
  for (let n = 0; n < 5; n++) expect(seen(await ask({ key: 'a' }))).toContain('replayed')
  for (const key of ['b', 'c']) expect(seen(await ask({ key }))).toContain('201')
  expect(seen(await ask({ key: 'd' }))).toBe('429 too-many-keys')
  expect(runs()).toBe(3)
})

it('a store that is down is told of as ever, also where no new key may come', async () => {
  const down = (verb: string) => (verb === 'find' ? ({ kind: 'lose-request' } as const) : undefined)
  const { ask, runtime } = guarded({ newKeysPerMinute: 1 }, down)
  await ask({ key: 'a' })
  const asked = ask({ key: 'b' })
  await runtime.advance(1_000)
  expect(seen(await asked)).toBe('503 store-unavailable')
})

it('no more duplicates wait than may', async () => {
  const { ask, runs, created } = guarded({ onInFlight: 'wait', maxWaiting: 3 })
  const { started, effect } = gate<HttpReply>()
  const first = ask({}, effect)
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = Array.from({ length: 5 }, () => ask())
  await new Promise((resolve) => setImmediate(resolve))
  started[0]?.resolve(await created(undefined as never))
  const answers = (await Promise.all([first, ...waiting])).map(seen)
  expect(answers.filter((one) => one === '409 conflict')).toHaveLength(2)
  expect(answers.filter((one) => one.startsWith('201'))).toHaveLength(4)
  expect(runs()).toBe(1)
})
