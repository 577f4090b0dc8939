import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { type ClientEvent, idempotentFetch } from '../../src/client/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { closeServers, FAST, serve, statuses } from './server.ts'

afterEach(closeServers)

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const POST = { method: 'POST', body: 'pay 42' }
const pauses = (events: readonly ClientEvent[]) =>
  events.flatMap((event) => (event.type === 'attempt-failed' ? [event.retryMs] : []))

describe('Retry-After', () => {
  it.each([
    ['in seconds', () => ({ 'retry-after': '1' })],
    ['as a date', () => ({ date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 00:00:01 GMT' })],
  ])('%s is waited for', async (_, headers) => {
    const events: ClientEvent[] = []
    const server = await serve((response, _, number) =>
      number > 1 ? response.end() : response.writeHead(409, headers()).end(),
    )
    const before = performance.now()
    const send = idempotentFetch(fetch, { ...FAST, onEvent: (event) => events.push(event) })
    expect((await send(server.origin, POST)).status).toBe(200)
    expect(performance.now() - before).toBeGreaterThan(990)
    const [pause = 0] = pauses(events)
    expect(pause).toBeGreaterThanOrEqual(1000)
    expect(pause).toBeLessThan(1000 + FAST.backoffMs)
  })

  it('beyond the deadline ends the call at once', async () => {
    const server = await serve((response) => response.writeHead(429, { 'retry-after': '3600' }).end('later'))
    const response = await idempotentFetch(fetch, FAST)(server.origin, POST)
    expect([response.status, await response.text(), server.seen.length]).toEqual([429, 'later', 1])
  })
})

it('pauses are jittered under a ceiling that doubles up to the longest', async () => {
  const server = await serve(statuses(503))
  const events: ClientEvent[] = []
  const options = {
    backoffMs: 4,
    maxBackoffMs: 10,
    maxAttempts: 30,
    onEvent: (event: ClientEvent) => events.push(event),
  }
  await idempotentFetch(fetch, options)(server.origin, POST)
  const all = pauses(events)
  expect(all).toHaveLength(30)
  for (const [index, pause] of all.slice(0, -1).entries()) expect(pause).toBeLessThan(Math.min(10, 4 * 2 ** index))
  expect(all.at(-1)).toBeUndefined()
  expect(new Set(all).size).toBeGreaterThan(25)
})

describe('time', () => {
  it('an attempt that takes too long is given up, and another one made', async () => {
    const server = await serve((response, _, number) => (number === 1 ? undefined : response.end('second')))
    const response = await idempotentFetch(fetch, { ...FAST, attemptTimeoutMs: 100 })(server.origin, POST)
    expect([await response.text(), server.keys[1]]).toEqual(['second', server.keys[0]])
  })

  it('an answer whose body stops is given up as well', async () => {
    const server = await serve((response, _, number) => (number === 1 ? response.write('ha') : response.end('second')))
    const response = await idempotentFetch(fetch, { ...FAST, attemptTimeoutMs: 100 })(server.origin, POST)
    expect(await response.text()).toBe('second')
  })

  it('the deadline ends everything', async () => {
    const server = await serve(() => {})
    const before = performance.now()
    const options = { ...FAST, attemptTimeoutMs: 200, deadlineMs: 2_000, maxAttempts: 1_000 }
    await expect(idempotentFetch(fetch, options)(server.origin, POST)).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(performance.now() - before).toBeLessThan(20_000)
    expect(server.seen.length).toBeGreaterThan(1)
    expect(server.seen.length).toBeLessThan(20)
  })

  it('the deadline runs while the body of the request is read', async () => {
    const runtime = fakeRuntime()
    const body = new ReadableStream({
      start(controller) {
        runtime.after(900, () => controller.close())
      },
    })
    const deaf = () => new Promise<Response>(() => {})
    const send = idempotentFetch(deaf, { deadlineMs: 1_000, runtime })
    let error: unknown
    send('http://127.0.0.1', { method: 'POST', body, duplex: 'half' } as RequestInit).catch((thrown) => {
      error = thrown
    })
    await runtime.advance(999)
    expect(error).toBeUndefined()
    await runtime.advance(1)
    expect(error).toMatchObject({ name: 'TimeoutError', message: 'there was no answer within 100 ms' })
  })

  it('no attempt begins when a pause, such as that of a machine put to sleep, ends after the deadline', async () => {
    const runtime = fakeRuntime()
    let slept = 0
    let asked = 0
    const send = idempotentFetch(async () => new Response(`${++asked}`, { status: 503 }), {
      ...FAST,
      deadlineMs: 1_000,
      runtime: { ...runtime, elapsed: () => runtime.elapsed() + slept },
    })
    const refused = expect(send('http://127.0.0.1', POST)).rejects.toMatchObject({
      name: 'TimeoutError',
      message: 'deadlineMs (1000) was over before attempt 2 could begin',
    })
    await runtime.advance(0)
    slept = 60_000
    await runtime.advance(FAST.backoffMs)
    await refused
    expect(asked).toBe(1)
  })

  it('a fetch that pays no heed to its signal is not waited for', async () => {
    const deaf = () => new Promise<Response>(() => {})
    const send = idempotentFetch(deaf, { ...FAST, attemptTimeoutMs: 30, maxAttempts: 2 })
    await expect(send('http://127.0.0.1', POST)).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('a request body that never ends is not waited for', async () => {
    const send = idempotentFetch(fetch, { ...FAST, deadlineMs: 50 })
    let ended: unknown
    const body = new ReadableStream({
      cancel(reason) {
        ended = reason
      },
    })
    const call = send('http://127.0.0.1', { method: 'POST', body, duplex: 'half' } as RequestInit)
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(ended).toBe(await call.catch((error) => error))
  })
})

describe('the signal of the caller', () => {
  const mine = new Error('mine')

  it('ends a pause', async () => {
    const server = await serve((response) => response.writeHead(503, { 'retry-after': '30' }).end())
    const stop = new AbortController()
    const call = idempotentFetch(fetch, FAST)(server.origin, { ...POST, signal: stop.signal })
    const refused = expect(call).rejects.toBe(mine)
    await until('it was asked', () => server.seen.length === 1)
    await sleepMs(50)
    stop.abort(mine)
    await refused
    expect(server.seen).toHaveLength(1)
  })

  it('ends an attempt', async () => {
    const server = await serve(() => stop.abort(mine))
    const stop = new AbortController()
    await expect(idempotentFetch(fetch, FAST)(server.origin, { ...POST, signal: stop.signal })).rejects.toBe(mine)
  })

  it('of a Request counts too, and one that is over sends nothing', async () => {
    const server = await serve(statuses(200))
    const request = new Request(server.origin, { ...POST, signal: AbortSignal.abort(mine) })
    await expect(idempotentFetch(fetch, FAST)(request)).rejects.toBe(mine)
    expect(server.seen).toEqual([])
  })

  it('ends an answer that is still on its way', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const stop = new AbortController()
    const response = await idempotentFetch(fetch, FAST)(server.origin, { ...POST, signal: stop.signal })
    const rest = response.text()
    stop.abort(mine)
    await expect(rest).rejects.toBe(mine)
  })

  it('keeps no listener of a call that is over', async () => {
    const server = await serve((response, _, number) => (number === 1 ? response.destroy() : response.end('ok')))
    const stop = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = stop.signal
    stop.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(stop.signal, args)
    }
    stop.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(stop.signal, args)
    }
    await idempotentFetch(fetch, FAST)(server.origin, { ...POST, signal: stop.signal })
    expect([server.seen.length, listeners]).toEqual([2, 0])
  })

  it.each([
    ['longer than is read ahead', { 'content-type': 'text/plain' }],
    ['of an event stream', { 'content-type': 'text/event-stream' }],
  ])('keeps no listener of an answer %s, when it is over', async (_, headers) => {
    const server = await serve((response) => response.writeHead(200, headers).end('x'.repeat(300_000)))
    const stop = new AbortController()
    const send = idempotentFetch(fetch, { ...FAST, readAheadBytes: 1_000 })
    const call = async (read: (answer: Response) => unknown) =>
      void (await read(await send(server.origin, { ...POST, signal: stop.signal })))
    for (let n = 0; n < 5; n++) await call((answer) => answer.text())
    await call((answer) => answer.body?.cancel())
    await until(
      'nobody listens',
      () => {
        collectGarbage()
        return getEventListeners(stop.signal, 'abort').length === 0
      },
      10_000,
    )
  })

  it('still ends an answer of which only the body is left', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const stop = new AbortController()
    const open = async () => (await idempotentFetch(fetch, FAST)(server.origin, { ...POST, signal: stop.signal })).body
    const reader = (await open())?.getReader()
    await reader?.read()
    for (let n = 0; n < 5; n++) {
      collectGarbage()
      await sleepMs(10)
    }
    stop.abort(mine)
    await expect(reader?.read()).rejects.toBe(mine)
  })
})
