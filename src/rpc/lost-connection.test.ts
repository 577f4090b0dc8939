import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import type { CallsEvent, CallsOptions } from './calls-options.ts'
import { CODE } from './codes.ts'
import { idempotentCalls } from './idempotent-calls.ts'
import type { RpcError } from './library.ts'
import type { RpcRequest, RpcResponse } from './shapes.ts'

/** What `fetch` throws when a connection is lost, and transports on it pass on as it is. */
const lost = () => new TypeError('fetch failed')
const answer = { stream: false, header: new Headers() } as RpcResponse

/** A call over a transport that throws `errors` first. */
async function settled(errors: readonly unknown[], given: CallsOptions = {}, call: Partial<RpcRequest> = {}) {
  const runtime = fakeRuntime()
  const left = [...errors]
  const keys: (string | null)[] = []
  const events: CallsEvent[] = []
  const asked: RpcError[] = []
  const retry = (error: RpcError) => void asked.push(error)
  const onEvent = (event: CallsEvent) => events.push(event)
  const interceptor = idempotentCalls({ runtime, backoffMs: 1, retry, onEvent, ...given })
  const method = { name: 'Place', parent: { typeName: 's.S' }, idempotency: 0 }
  const request = { stream: false, method, header: new Headers(), signal: new AbortController().signal, ...call }
  const transport = async (sent: RpcRequest) => {
    keys.push(sent.header.get('idempotency-key'))
    if (left.length > 0) throw left.shift()
    return answer
  }
  let done = false
  const result = interceptor(transport)(request as RpcRequest)
    .catch((error: unknown) => error)
    .finally(() => {
      done = true
    })
  while (!done) {
    await new Promise((go) => setImmediate(go))
    await runtime.advance(10)
  }
  return { keys, events, asked, result: await result }
}

describe('a connection that is lost under a transport on fetch', () => {
  it('is UNAVAILABLE: the call is made again under its key', async () => {
    const first = lost()
    const { result, keys, events, asked } = await settled([first, lost()])
    expect(result).toBe(answer)
    expect(keys).toEqual([keys[0], keys[0], keys[0]])
    expect(keys[0]).toEqual(expect.any(String))
    expect(asked[0]).toMatchObject({ code: CODE.unavailable, rawMessage: 'fetch failed', cause: first })
    expect(events[0]).toMatchObject({
      type: 'attempt-failed',
      attempt: 1,
      error: asked[0],
      retryMs: expect.any(Number),
    })
  })

  it('is thrown as it was after the last attempt', async () => {
    const errors = [lost(), lost(), lost(), lost()]
    const { result, keys, events } = await settled(errors)
    expect(result).toBe(errors[3])
    expect(keys).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({ error: { code: CODE.unavailable }, retryMs: undefined })
  })

  it('is not asked again where `retry` says so', async () => {
    const { keys } = await settled([lost()], { retry: () => false })
    expect(keys).toHaveLength(1)
  })

  it('is asked again for a method that is idempotent, without a key', async () => {
    const method = { name: 'Read', parent: { typeName: 's.S' }, idempotency: 1 } as RpcRequest['method']
    const { result, keys } = await settled([lost()], {}, { method })
    expect([result, keys]).toEqual([answer, [null, null]])
  })

  it('is passed on where the call has no key', async () => {
    const error = lost()
    const { result, keys, events } = await settled([error], { key: () => undefined })
    expect([result, keys, events]).toEqual([error, [null], []])
  })
})

describe('an abort', () => {
  it('is not asked again', async () => {
    const error = new DOMException('aborted', 'AbortError')
    const { result, keys, events } = await settled([error])
    expect([result, keys.length, events]).toEqual([error, 1, []])
  })

  it('of the caller is not either, whatever is thrown then', async () => {
    const stop = new AbortController()
    const reason = lost()
    stop.abort(reason)
    const { result, keys, events } = await settled([lost()], {}, { signal: stop.signal })
    expect([result, keys.length, events]).toEqual([reason, 1, []])
  })
})
