import { Code, ConnectError, type Interceptor } from '@connectrpc/connect'
import { afterEach, describe, expect, it } from 'vitest'
import { type CallsEvent, type CallsOptions, idempotentCalls } from '../../src/rpc/index.ts'
import { createProxy } from '../support/proxy.ts'
import { closeAll, guardedShop, keyed, numbered, PROTOCOLS, serveShop, shopClient } from './server.ts'

afterEach(closeAll)

const order = { id: 'a', amount: 42 }
const FAST = { backoffMs: 5, maxBackoffMs: 20 } as const

/** A server that answers with the given codes first, and keeps the keys it saw. */
async function failing(...codes: readonly (Code | ConnectError)[]) {
  const keys: (string | null)[] = []
  const sees: Interceptor = (next) => (request) => {
    keys.push(request.header.get('idempotency-key'))
    return next(request)
  }
  const left = [...codes]
  const shop = await serveShop(() => {
    const code = left.shift()
    if (code === undefined) return { number: 1 }
    throw code instanceof ConnectError ? code : new ConnectError('no', code)
  }, [sees])
  return { ...shop, keys }
}

const clientOf = (port: number, options: CallsOptions = {}, protocol: (typeof PROTOCOLS)[number] = 'grpc') =>
  shopClient(port, protocol, { interceptors: [idempotentCalls({ ...FAST, ...options })] })

describe.each(PROTOCOLS)('over %s', (protocol) => {
  it('a call keeps its key until it is answered', async () => {
    const shop = await failing(Code.Unavailable, Code.Aborted, Code.ResourceExhausted)
    const client = clientOf(shop.port, {}, protocol)
    expect(await client.place(order)).toMatchObject({ number: 1 })
    await client.place(order)
    const [first, ...others] = shop.keys
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(others.slice(0, 3)).toEqual([first, first, first])
    expect(others[3]).not.toBe(first)
  })

  it.each([
    ['short', 0],
    ['long', 300_000],
  ])('one effect, whatever happens to %s answers', async (_, length) => {
    const padding = 'x'.repeat(length)
    const shop = await guardedShop(({ id }) => ({ text: id + padding }), { maxBodyBytes: 1_000_000 })
    const proxy = await createProxy(shop.port)
    let replies = 0
    proxy.onReply = () => (replies++ % 11 === 6 ? 'cut' : undefined)
    const events: CallsEvent[] = []
    const client = clientOf(proxy.port, { maxAttempts: 100, onEvent: (event) => events.push(event) }, protocol)
    for (let id = 0; id < 20; id++) expect((await client.place({ id: `o${id}` })).text).toBe(`o${id}${padding}`)
    await proxy.close()
    expect(shop.runs).toEqual({ Place: 20 })
    expect(events.filter(({ type }) => type === 'attempt-failed').length).toBeGreaterThan(1)
  })
})

describe('what is asked again', () => {
  const names = Object.keys(Code).filter((name) => Number.isNaN(Number(name)))
  // A connection that is lost over HTTP/2 is told as a stream that was canceled.
  const PASSING = ['Canceled', 'DeadlineExceeded', 'ResourceExhausted', 'Aborted', 'Unavailable']
  it.each(names)('%s', async (name) => {
    const shop = await failing(Code[name as keyof typeof Code])
    const error = await clientOf(shop.port).place(order).catch(ConnectError.from)
    expect(shop.keys).toHaveLength(PASSING.includes(name) ? 2 : 1)
    expect(error instanceof ConnectError).toBe(!PASSING.includes(name))
  })

  it('methods that are idempotent, without a key', async () => {
    const shop = await failing(Code.Unavailable, Code.Unavailable)
    const client = clientOf(shop.port)
    expect(await client.read(order)).toMatchObject({ number: 1 })
    expect(await client.put(order)).toMatchObject({ number: 1 })
    expect(shop.keys).toEqual(Array(4).fill(null))
  })

  it('not a call without a key', async () => {
    const shop = await failing(Code.Unavailable)
    const error = await clientOf(shop.port, { key: () => undefined })
      .place(order)
      .catch(ConnectError.from)
    expect([(error as ConnectError).code, shop.keys]).toEqual([Code.Unavailable, [null]])
  })

  it('not a stream, which has no key either', async () => {
    const shop = await failing(Code.Unavailable)
    const read = async () => {
      for await (const _ of clientOf(shop.port).watch(order));
    }
    await expect(read()).rejects.toMatchObject({ code: Code.Unavailable })
    expect(shop.keys).toEqual([null])
  })

  it('not a replay, and not what the server pushes back', async () => {
    const replay = new ConnectError('no', Code.Aborted, { 'idempotency-replayed': 'true' })
    const pushed = new ConnectError('no', Code.Unavailable, { 'grpc-retry-pushback-ms': '-1' })
    const shop = await failing(replay, pushed)
    for (const _ of [1, 2]) await expect(clientOf(shop.port).place(order)).rejects.toBeInstanceOf(ConnectError)
    expect(shop.keys).toHaveLength(2)
  })

  it('as often as it may, and as `retry` decides', async () => {
    const shop = await failing(...Array(9).fill(Code.Unavailable))
    await expect(clientOf(shop.port, { maxAttempts: 3 }).place(order)).rejects.toMatchObject({ code: Code.Unavailable })
    expect(shop.keys).toHaveLength(3)
    await expect(clientOf(shop.port, { retry: () => false }).place(order)).rejects.toBeInstanceOf(ConnectError)
    expect(shop.keys).toHaveLength(4)
  })

  it('a server that is not there', async () => {
    const shop = await failing()
    await shop.close()
    const events: CallsEvent[] = []
    const call = clientOf(shop.port, { onEvent: (event) => events.push(event) }).place(order)
    await expect(call).rejects.toMatchObject({ code: Code.Unavailable })
    expect(events).toMatchObject([{ attempt: 1 }, { attempt: 2 }, { attempt: 3 }, { attempt: 4, retryMs: undefined }])
  })
})

describe('the key', () => {
  it('is the one the caller wrote, or that `key` makes of the call', async () => {
    const shop = await failing()
    const client = clientOf(shop.port, { key: ({ message }) => `order-${Object(message).id}` })
    await client.place(order)
    await client.place(order, keyed('mine'))
    expect(shop.keys).toEqual(['order-a', 'mine'])
  })

  it.each(['', 'a b', 'a,b', 'ключ', 'order:null'])('is refused as %j', async (key) => {
    const shop = await failing()
    // A transport makes an error of Connect of whatever an interceptor throws.
    const error = await clientOf(shop.port, { key: () => key })
      .place(order)
      .catch(ConnectError.from)
    expect((error as ConnectError).cause).toMatchObject({ code: expect.stringMatching(/^KEY_/) })
    expect(shop.keys).toEqual([])
  })
})

describe('time', () => {
  it('what the server asks for is waited for, unless it is beyond the deadline', async () => {
    const later = (ms: number) => new ConnectError('later', Code.Aborted, { 'retry-after-ms': String(ms) })
    const events: CallsEvent[] = []
    const onEvent = (event: CallsEvent) => events.push(event)
    const shop = await failing(later(300), later(3_600_000))
    const before = performance.now()
    await clientOf(shop.port, { onEvent, maxAttempts: 2 })
      .place(order)
      .catch(() => {})
    expect(performance.now() - before).toBeGreaterThan(295)
    expect(events[0]).toMatchObject({ retryMs: expect.any(Number) })
    const late = await failing(later(3_600_000))
    await expect(clientOf(late.port).place(order)).rejects.toMatchObject({ code: Code.Aborted })
    expect(late.keys).toHaveLength(1)
  })

  it('an attempt that takes too long is given up, and the next one gets the answer', async () => {
    const shop = await guardedShop(numbered())
    const proxy = await createProxy(shop.port)
    const client = clientOf(proxy.port, { attemptTimeoutMs: 200, maxAttempts: 20 })
    await client.read(order)
    proxy.blackhole()
    const call = client.place(order)
    setTimeout(() => proxy.resume(), 500)
    expect(await call).toMatchObject({ text: 'a for 42' })
    await proxy.close()
    expect(shop.runs.Place).toBe(1)
  })

  it('the deadline ends everything, and so does the caller', async () => {
    const shop = await serveShop(() => new Promise<never>(() => {}), [])
    const client = clientOf(shop.port, { attemptTimeoutMs: 50, deadlineMs: 200, maxAttempts: 1_000 })
    await expect(client.place(order)).rejects.toMatchObject({ code: Code.DeadlineExceeded })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    const patient = clientOf(shop.port, { maxAttempts: 1_000 })
    await expect(patient.place(order, { signal: stop.signal })).rejects.toMatchObject({ code: Code.Canceled })
    await expect(patient.place(order, { timeoutMs: 50 })).rejects.toMatchObject({ code: Code.DeadlineExceeded })
  })

  it('the caller ends a pause', async () => {
    const shop = await failing(new ConnectError('later', Code.Aborted, { 'retry-after-ms': '30000' }))
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    const before = performance.now()
    await expect(clientOf(shop.port).place(order, { signal: stop.signal })).rejects.toBeInstanceOf(ConnectError)
    expect(performance.now() - before).toBeLessThan(10_000)
    expect(shop.keys).toHaveLength(1)
  })
})
