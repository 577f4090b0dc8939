import { afterEach, describe, expect, it } from 'vitest'
import { type ClientEvent, idempotentFetch } from '../../src/client/index.ts'
import { closedOrigin, closeServers, FAST, serve, statuses } from './server.ts'

afterEach(closeServers)

const POST = { method: 'POST', body: 'x' }
/** A pause that would be noticed. */
const SLOW = { backoffMs: 10_000, maxBackoffMs: 10_000 } as const

describe('failover', () => {
  it('goes on to the next endpoint at once, with the same key, path and query', async () => {
    const [dead, broken, good] = [await closedOrigin(), await serve(statuses(500)), await serve(statuses(201))]
    const events: ClientEvent[] = []
    const endpoints = [dead, broken.origin, `${good.origin}/`]
    const send = idempotentFetch(fetch, { ...SLOW, endpoints, onEvent: (event) => events.push(event) })
    expect((await send('/orders?a=1', POST)).status).toBe(201)
    expect(events).toMatchObject([{ retryMs: 0 }, { retryMs: 0 }])
    expect(good.seen).toMatchObject([{ url: '/orders?a=1', key: broken.keys[0] }])
    expect(broken.keys[0]).toBeDefined()
  })

  it('begins the next call where the last one was answered', async () => {
    const [broken, good] = [await serve(statuses(500)), await serve(statuses(200))]
    const send = idempotentFetch(fetch, { ...SLOW, endpoints: [broken.origin, good.origin] })
    for (const _ of [1, 2, 3]) await send('/', POST)
    expect([broken.seen.length, good.seen.length]).toEqual([1, 3])
    await send(`${broken.origin}/named`, POST)
    expect([broken.seen.length, good.seen.length]).toEqual([2, 4])
  })

  it('goes round, with pauses, until the attempts are used up', async () => {
    const servers = [await serve(statuses(503)), await serve(statuses(502))]
    const send = idempotentFetch(fetch, { ...FAST, endpoints: servers.map(({ origin }) => origin), maxAttempts: 5 })
    expect((await send('/', POST)).status).toBe(503)
    expect(servers.map(({ seen }) => seen.length)).toEqual([3, 2])
    expect(new Set(servers.flatMap(({ keys }) => keys)).size).toBe(1)
  })

  it.each([409, 425, 429])('stays when the answer is about the operation or the caller: %i', async (status) => {
    const [first, second] = [await serve(statuses(status, 200)), await serve(statuses(200))]
    await idempotentFetch(fetch, { ...FAST, endpoints: [first.origin, second.origin] })('/', POST)
    expect([first.seen.length, second.seen.length]).toEqual([2, 0])
  })

  it('does not take a call that cannot be repeated to a second server', async () => {
    const [first, second] = [await serve((response) => response.destroy()), await serve(statuses(200))]
    const options = { ...FAST, endpoints: [first.origin, second.origin], key: () => undefined }
    await expect(idempotentFetch(fetch, options)('/', POST)).rejects.toThrow()
    expect(second.seen).toEqual([])
  })

  it.each([
    '//evil.example/x',
    '/orders/..//evil.example/a',
    '/.//evil.example/x',
    '/orders/..\\\\evil.example/a',
    '/orders/%2e%2e//evil.example/a',
  ])('takes a path for a path, however it looks: %s', async (path) => {
    const endpoints = ['https://a.example', 'https://b.example:8443', 'http://c.example']
    const asked: string[] = []
    const refusing = async (url: string) => {
      asked.push(url)
      return new Response(null, { status: 500 })
    }
    const send = idempotentFetch(refusing as typeof fetch, { ...FAST, endpoints })
    await send(`https://a.example${path}`, POST)
    const wanted = new URL(`https://a.example${path}`)
    expect(asked.map((url) => new URL(url).origin)).toEqual([...endpoints, endpoints[0]])
    expect(new Set(asked.map((url) => new URL(url).pathname))).toEqual(new Set([wanted.pathname]))
  })

  it('sends nothing to a host that is not among the endpoints', async () => {
    const [mine, stranger] = [await serve(statuses(500)), await serve(statuses(200))]
    const send = idempotentFetch(fetch, { ...FAST, endpoints: [mine.origin] })
    for (const url of [stranger.origin, `//127.0.0.1:${stranger.port}/`])
      await expect(send(url, POST)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(stranger.seen).toEqual([])
  })
})

describe('failfast', () => {
  it.each([409, 429, 503])('hands over the first answer: %i', async (status) => {
    const server = await serve(statuses(status))
    const response = await idempotentFetch(fetch, { policy: 'failfast' })(server.origin, POST)
    expect([response.status, server.seen.length, typeof server.keys[0]]).toEqual([status, 1, 'string'])
  })

  it('throws what fetch threw', async () => {
    const call = idempotentFetch(fetch, { policy: 'failfast' })(await closedOrigin(), POST)
    await expect(call).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' })
  })
})

describe('failsafe', () => {
  it('answers 503 of its own instead of throwing, and says that it made it up', async () => {
    const types: string[] = []
    const send = idempotentFetch(fetch, { policy: 'failsafe', onEvent: ({ type }) => types.push(type) })
    const response = await send(await closedOrigin(), POST)
    expect([response.status, response.ok, response.headers.get('onlyonce-policy')]).toEqual([503, false, 'failsafe'])
    expect(await response.json()).toMatchObject({ status: 503, detail: 'fetch failed (ECONNREFUSED)' })
    expect(types).toEqual(['attempt-failed', 'swallowed'])
  })

  it('hands over what the server answered, or what `fallback` makes of it', async () => {
    const server = await serve(statuses(500))
    expect(await (await idempotentFetch(fetch, { policy: 'failsafe' })(server.origin, POST)).text()).toBe('answer 1')
    const fallback = ({ reason }: { reason: string }) => new Response(reason)
    const send = idempotentFetch(fetch, { policy: 'failsafe', fallback, maxAttempts: 3, ...FAST })
    expect(await (await send(server.origin, POST)).text()).toBe('HTTP 500')
    expect(server.seen).toHaveLength(4)
  })

  it('does not swallow a final answer, a wrong call or the caller’s own abort', async () => {
    const server = await serve(statuses(422))
    const send = idempotentFetch(fetch, { policy: 'failsafe' })
    expect((await send(server.origin, POST)).status).toBe(422)
    await expect(send('nowhere', POST)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    for (const url of ['/x?token=secret', '//u:my/secret@h', 'ht!tp://u:secret@h/', 'http://u:secret@h:x/'])
      await expect(send(url, POST)).rejects.toThrow(/^(?!.*secret).*must be a URL/)
    await expect(send(server.origin, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
