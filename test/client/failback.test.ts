import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  type ClientEvent,
  FAILBACK_TOPIC,
  type IdempotentFetchOptions,
  idempotentFetch,
  type QueuedCall,
  redeliver,
} from '../../src/client/index.ts'
import { outbox, relay } from '../../src/outbox/outbox.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { temporaryFile } from './files.ts'
import { closeServers, FAST, serve, statuses } from './server.ts'

afterEach(closeServers)

const POST = { method: 'POST', body: 'pay 42', headers: { authorization: 'Bearer secret', 'content-type': 'text/x' } }

function client(options: IdempotentFetchOptions = {}, by = fetch) {
  const events: ClientEvent[] = []
  const send = idempotentFetch(by, {
    policy: 'failback',
    ...FAST,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => send.close())
  const until = (type: string) => expect.poll(() => events.map((event) => event.type)).toContain(type)
  return { send, events, until }
}

describe('failback in memory', () => {
  it('answers 202 and sends the same request until it is accepted', async () => {
    const server = await serve(statuses(503, 503, 503, 201))
    const { send, events, until } = client()
    const response = await send(server.origin, POST)
    expect([response.status, response.headers.get('onlyonce-policy'), send.waiting]).toEqual([202, 'failback', 1])
    await until('delivered')
    expect(events.map(({ type }) => type)).toEqual(['attempt-failed', 'queued', 'delivered'])
    expect(events[1]).toMatchObject({ durable: false, reason: 'HTTP 503' })
    expect(new Set(server.keys).size).toBe(1)
    expect(server.seen.map(({ body, headers }) => `${body} ${headers.authorization}`)).toEqual(
      Array(4).fill('pay 42 Bearer secret'),
    )
    await expect.poll(() => send.waiting).toBe(0)
  })

  it('sends it as the caller asked for it, whatever `fetch` knows besides the request', async () => {
    const given: RequestInit[] = []
    const asked: typeof fetch = async (_, init = {}) => {
      given.push(init)
      return new Response(null, { status: given.length === 1 ? 503 : 201 })
    }
    const { send, until } = client({}, asked)
    const dispatcher = { name: 'mine' } as never
    const request = new Request('http://a.example', { ...POST, credentials: 'omit', redirect: 'manual' })
    await send(request, { dispatcher })
    await until('delivered')
    const [first, second] = given.map(({ signal: _, headers, body, ...init }) => init)
    expect(first).toMatchObject({ dispatcher, method: 'POST', credentials: 'omit', redirect: 'manual' })
    expect(second).toEqual(first)
    expect(await new Response(given[1]?.body ?? null).text()).toBe('pay 42')
  })

  it('drops what the server will never take, and says so', async () => {
    const server = await serve(statuses(503, 422))
    const { send, events, until } = client()
    await send(server.origin, POST)
    await until('dropped')
    expect(events.at(-1)).toMatchObject({ type: 'dropped', reason: 'HTTP 422' })
  })

  it.each([
    ['duplicate', 'delivered'],
    ['unrecordable', 'delivered'],
    ['outcome-unknown', 'dropped'],
  ])('takes 409 %s for the end: %s', async (code, type) => {
    const server = await serve((response, _, number) => {
      if (number === 1) return void response.writeHead(503).end()
      response.writeHead(409, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code }))
    })
    const { send, events, until } = client()
    await send(server.origin, POST)
    await until(type)
    expect(events).toHaveLength(3)
    if (type === 'dropped') expect(events[2]).toMatchObject({ reason: `HTTP 409 ${code}` })
  })

  it('drops what is too old for the server to know its key', async () => {
    const server = await serve(statuses(503))
    const { send, events, until } = client({ maxQueuedMs: 50 })
    await send(server.origin, POST)
    await until('dropped')
    expect(events.at(-1)).toMatchObject({ reason: 'it was queued more than 50 ms ago' })
  })

  it('hands over results, reads and what cannot be repeated as they are', async () => {
    const server = await serve(statuses(404, 503, 503, 200))
    const { send } = client()
    expect((await send(server.origin, POST)).status).toBe(404)
    expect((await send(server.origin)).status).toBe(503)
    const unkeyed = client({ key: () => undefined })
    expect((await unkeyed.send(server.origin, POST)).status).toBe(503)
    expect([send.waiting, unkeyed.send.waiting, server.seen.length]).toEqual([0, 0, 3])
  })

  it('keeps no more than it may: a call that nobody will send is an error', async () => {
    const server = await serve(statuses(503))
    const { send } = client({ maxQueued: 2, backoffMs: 60_000, maxBackoffMs: 60_000 })
    await send(server.origin, POST)
    await send(server.origin, POST)
    await expect(send(server.origin, POST)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('2 calls wait already (maxQueued)'),
    })
    const known = { ...POST, headers: { 'idempotency-key': 'k' } }
    const other = client({ maxQueued: 1, backoffMs: 60_000, maxBackoffMs: 60_000 })
    for (const _ of [1, 2]) expect((await other.send(server.origin, known)).status).toBe(202)
    expect(other.send.waiting).toBe(1)
  })

  it('tells what is left when it is closed', async () => {
    const server = await serve(statuses(503))
    const { send, events } = client({ backoffMs: 60_000, maxBackoffMs: 60_000 })
    await send(server.origin, POST)
    await send.close()
    expect(events.at(-1)).toMatchObject({ type: 'dropped', reason: 'the client was closed' })
    await expect(send(server.origin, POST)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(server.seen).toHaveLength(1)
  })
})

describe('failback in a queue of the caller', () => {
  it('gives plain data without credentials, the same for the same call', async () => {
    const server = await serve(statuses(503))
    const calls: QueuedCall[] = []
    const { send, events } = client({ queue: async (call) => calls.push(call), queuedHeaders: ['Content-Type'] })
    const keyed = { ...POST, headers: { ...POST.headers, 'idempotency-key': 'order-1' } }
    for (const init of [keyed, keyed, { ...keyed, body: 'pay 43' }]) await send(`${server.origin}/a?b=1`, init)
    expect(calls[0]).toMatchObject({ topic: FAILBACK_TOPIC, body: new Uint8Array(Buffer.from('pay 42')) })
    expect(calls[0]?.headers).toEqual({
      'content-type': 'text/x',
      'idempotency-key': 'order-1',
      'onlyonce-method': 'POST',
      'onlyonce-url': `${server.origin}/a?b=1`,
      'onlyonce-queued-at': expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(calls[1]?.id).toBe(calls[0]?.id)
    expect(calls[2]?.id).not.toBe(calls[0]?.id)
    expect(events[1]).toMatchObject({ type: 'queued', durable: true })
  })

  it('keeps the key under a name of the caller that looks like one of ours', async () => {
    const server = await serve(statuses(503, 201))
    const calls: QueuedCall[] = []
    const keyHeader = 'Onlyonce-Key'
    const headers = { ...POST.headers, [keyHeader]: 'order-1', 'onlyonce-url': 'http://elsewhere' }
    const { send } = client({ keyHeader, queue: async (call) => calls.push(call), queuedHeaders: ['onlyonce-url'] })
    await send(server.origin, { ...POST, headers })
    expect(calls[0]?.headers).toMatchObject({ 'onlyonce-key': 'order-1', 'onlyonce-url': `${server.origin}/` })
    expect(await redeliver(fetch, { keyHeader })(calls)).toEqual([{ ok: true }])
    expect(server.seen.map((one) => one.headers['onlyonce-key'])).toEqual(['order-1', 'order-1'])
    expect(server.seen[1]?.headers).not.toHaveProperty('onlyonce-url')
  })

  it('that does not take it makes the call an error', async () => {
    const server = await serve(statuses(503))
    const { send } = client({ queue: () => Promise.reject(new Error('disk full')) })
    await expect(send(server.origin, POST)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the call failed (HTTP 503) and could not be queued (disk full); send it again with the same key',
    })
  })

  it('survives the process with the outbox, and its relay sends it', async () => {
    const path = temporaryFile('failback.db')
    const server = await serve(statuses(503, 503, 201))
    {
      await using store = sqliteStore({ path })
      const messages = outbox(store)
      const { send } = client({ queue: (call) => store.transaction((tx) => messages.add(tx, call)) })
      expect((await send(server.origin, POST)).status).toBe(202)
    }
    await using store = sqliteStore({ path })
    const publish = redeliver(fetch, { headers: async () => ({ authorization: 'Bearer fresh' }) })
    const running = relay({ store, publish, backoffMs: 10, pollMs: 10 })
    running.start()
    await expect.poll(async () => (await outbox(store).stats()).waiting, { timeout: 10_000 }).toBe(0)
    await running.stop()
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer secret',
      'Bearer fresh',
      'Bearer fresh',
    ])
    expect(new Set(server.keys).size).toBe(1)
    expect(server.seen.map(({ body }) => body.toString())).toEqual(Array(3).fill('pay 42'))
  })
})

describe('redeliver', () => {
  it('answers for each call, and refuses what is none', async () => {
    const server = await serve((response, { url }) => response.writeHead(Number(url.slice(1))).end())
    const calls: QueuedCall[] = []
    const { send } = client({ queue: async (call) => calls.push(call), retry: () => true })
    for (const status of [200, 409, 422, 429, 503]) await send(`${server.origin}/${status}`, POST)
    const stranger = { headers: { a: 'b' }, body: new Uint8Array() }
    expect(await redeliver(fetch)([...calls, stranger])).toEqual([
      { ok: true },
      { ok: false, reason: 'HTTP 409', unknown: true },
      { ok: false, reason: 'HTTP 422', permanent: true },
      { ok: false, reason: 'HTTP 429' },
      { ok: false, reason: 'HTTP 503', unknown: true },
      { ok: false, reason: 'it is not a call that was queued by the policy failback', permanent: true },
    ])
    const reset = () => Promise.reject(new TypeError('fetch failed'))
    expect(await redeliver(reset)(calls.slice(0, 1))).toEqual([{ ok: false, reason: 'fetch failed', unknown: true }])
    const headers = () => Promise.reject(new Error('no token today'))
    expect(await redeliver(fetch, { headers })(calls.slice(0, 1))).toEqual([{ ok: false, reason: 'no token today' }])
  })

  it('sends nothing in the place of a body that a queue has not kept as bytes', async () => {
    const calls: QueuedCall[] = []
    const server = await serve(statuses(503))
    await client({ queue: async (call) => calls.push(call) }).send(server.origin, POST)
    const base64 = calls.map(({ headers, body }) => ({ headers, body: Buffer.from(body).toString('base64') as never }))
    const noBody = calls.map(({ headers }) => ({ headers }) as QueuedCall)
    const answers = await redeliver(fetch)([...JSON.parse(JSON.stringify(calls)), ...base64, ...noBody])
    expect(server.seen).toHaveLength(1)
    const refused = { ok: false, permanent: true, reason: expect.stringContaining('its body is not a Uint8Array') }
    expect(answers).toEqual([refused, refused, refused])
  })

  it('keeps a credential that is no header out of the reason, and gives up a call that has one', async () => {
    const calls: QueuedCall[] = []
    const server = await serve(statuses(503))
    await client({ queue: async (call) => calls.push(call) }).send(server.origin, POST)
    const broken = { headers: () => ({ authorization: 'Bearer s3cret\nx' }) }
    const [answer] = await redeliver(fetch, broken)(calls)
    expect(answer).toEqual({ ok: false, reason: 'the option `headers` answered what are no headers' })
    const altered = calls.map((call) => ({ ...call, headers: { ...call.headers, 'a b': 'c' } }))
    expect(await redeliver(fetch)(altered)).toMatchObject([{ ok: false, permanent: true }])
  })

  it('does not know how a call ended whose answer `retry` could not judge, and lets the answer go', async () => {
    const calls: QueuedCall[] = []
    const server = await serve(statuses(503))
    await client({ queue: async (call) => calls.push(call) }).send(server.origin, POST)
    let cancelled = false
    const body = new ReadableStream({
      cancel() {
        cancelled = true
      },
    })
    const retry = () => {
      throw new Error('on purpose')
    }
    const [answer] = await redeliver(async () => new Response(body), { retry })(calls)
    expect(answer).toEqual({ ok: false, reason: 'on purpose', unknown: true })
    expect(cancelled).toBe(true)
  })

  it('follows where the service has moved to', async () => {
    const server = await serve((response, { url }, number) => {
      if (number === 1) response.writeHead(503).end()
      else response.writeHead(url === '/new' ? 201 : 308, { location: '/new' }).end()
    })
    const calls: QueuedCall[] = []
    await client({ queue: async (call) => calls.push(call) }).send(server.origin, POST)
    expect(await redeliver(fetch)(calls)).toEqual([{ ok: true }])
    expect(server.seen.map(({ url, body }) => `${url} ${body}`)).toEqual(['/ pay 42', '/ pay 42', '/new pay 42'])
  })
})
