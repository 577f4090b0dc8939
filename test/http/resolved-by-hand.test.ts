import { describe, expect, it } from 'vitest'
import { storedValue } from '../../src/core/result.ts'
import type { Store } from '../../src/core/store.ts'
import { guarded, reply, seen } from './guard-kit.ts'

const never = () => expect.fail('it ran again')

/** An operation whose owner disappeared, and the person who says what became of it, as `keys resolve --happened` does. */
async function decided(value: unknown) {
  const world = guarded({ onAbandoned: 'hold' })
  void world.ask({}, () => new Promise(() => {}))
  await world.runtime.advance(0)
  const store: Store = world.store
  const [record] = (await store.list({ limit: 1 })).items
  if (record === undefined) throw new Error('nothing was claimed')
  const { id, owner, fence } = record
  const result = storedValue(value)
  expect(await store.complete([{ lease: { id, owner, fence }, result, retentionMs: 60_000 }])).toEqual(['ok'])
  // Another process: this one still waits for its handler.
  const other = world.build(world.open())
  const whole = (request = {}) => world.ask(request, never, other)
  return Object.assign(async (request = {}) => seen(await whole(request)), { whole })
}

describe('an operation that a person resolved', () => {
  it('without an answer happened, and its answer cannot be given again', async () => {
    const ask = await decided(undefined)
    for (const _ of [1, 2]) expect(await ask()).toBe('409 unrecordable')
    expect(await ask({ body: '{"amount":9}' })).toBe('422 fingerprint-mismatch')
  })

  it('with an answer is answered with it', async () => {
    const headers = [['content-type', 'application/json']]
    const ask = await decided({ status: 201, headers, body: '{"order":7}' })
    expect(await ask()).toBe('201 {"order":7} (replayed)')
  })

  it('with all that was written down of an answer is answered without what belongs to one client or connection', async () => {
    const pasted = ['Date', 'Set-Cookie', 'Transfer-Encoding', 'Content-Length', 'Connection'].map((name) => [
      name,
      '7',
    ])
    const ask = await decided({ status: 201, headers: [...pasted, ['Location', '/orders/7']], body: '{"order":7}' })
    const { headers } = (await ask.whole()) ?? {}
    expect(headers).toEqual([
      ['Location', '/orders/7'],
      ['cache-control', 'no-store'],
      ['idempotency-replayed', 'true'],
    ])
  })

  it.each([null, 'paid', {}, { status: 201 }])('with %j, which is no answer, is not known', async (value) => {
    const ask = await decided(value)
    expect(await ask()).toBe('409 outcome-unknown')
  })
})

it('an answer without a body is still an answer', async () => {
  const { ask } = guarded()
  await ask({}, async () => reply(204))
  expect(seen(await ask({}, never))).toBe('204  (replayed)')
})
