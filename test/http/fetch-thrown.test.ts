import { describe, expect, it } from 'vitest'
import { idempotency } from '../../src/http/fetch.ts'
import { engine, POST, request } from './fetch-kit.ts'

/** A handler that throws what it is told to, and how often it ran. */
function throwing(make: () => unknown) {
  const ran = { times: 0 }
  const handler = idempotency(engine(), { scope: 'public' })((): Response => {
    ran.times++
    throw make()
  })
  return { ran, handler }
}

describe('a response that a fetch handler throws', () => {
  it('is its answer, as for those who return it', async () => {
    const { ran, handler } = throwing(() => Response.redirect('http://shop.example/orders/1', 303))
    const first = await handler(request('k'))
    const again = await handler(request('k'))
    for (const { status, headers } of [first, again]) {
      expect([status, headers.get('location')]).toEqual([303, 'http://shop.example/orders/1'])
    }
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(ran.times).toBe(1)
  })

  it('frees the key when its status says so', async () => {
    const { ran, handler } = throwing(() => new Response('not now', { status: 503 }))
    for (const _ of [1, 2]) expect(await (await handler(request('k'))).text()).toBe('not now')
    expect(ran.times).toBe(2)
  })

  it('is thrown on where the request has no key', async () => {
    const { handler } = throwing(() => new Response('thrown', { status: 303 }))
    const { 'idempotency-key': _, ...headers } = POST('k').headers
    await expect(handler(new Request('http://test', { ...POST('k'), headers }))).rejects.toBeInstanceOf(Response)
  })
})

it.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['made', 'a string'],
  [{ status: 201 }, 'an instance of Object'],
])('a handler that answers %j is told so, and its key is free', async (answer, named) => {
  let runs = 0
  const handler = idempotency(engine(), { scope: 'public' })((() => {
    runs++
    return answer
  }) as never)
  const told = new TypeError(`the handler answered ${named}; it must return a Response`)
  for (const _ of [1, 2]) await expect(handler(request('k'))).rejects.toThrow(told)
  expect(runs).toBe(2)
})
