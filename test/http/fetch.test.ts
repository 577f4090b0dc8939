import { describe, expect, it } from 'vitest'
import { idempotency, operationOf } from '../../src/http/fetch.ts'
import { OnlyonceError } from '../../src/index.ts'
import { engine, jumping, POST, request, serve } from './fetch-kit.ts'

const setup = (handler: (request: Request) => Response | Promise<Response>, options = {}) =>
  idempotency(engine(), { scope: 'public', ...options })(handler)

describe('fetch', () => {
  it('is given its handler first, and not a request', () => {
    const wrap = idempotency(engine(), { scope: 'public' })
    for (const given of [request('k'), undefined])
      expect(() => wrap(given as never)).toThrow(/^option `handler` must be a function; got (?:an object|undefined)$/)
  })

  it('runs once over a real socket; the replay has status, headers and bytes, and no cookie', async () => {
    let runs = 0
    const bytes = crypto.getRandomValues(new Uint8Array(10_000))
    const url = await serve(
      setup(() => {
        runs++
        const headers = new Headers({ location: '/orders/1', 'content-type': 'application/x-thing', 'x-own': 'a' })
        headers.append('set-cookie', 'a=1')
        headers.append('set-cookie', 'b=2; Path=/')
        return new Response(bytes, { status: 201, headers })
      }),
    )
    const [first, second] = [await fetch(url, POST('k')), await fetch(url, POST('k'))]
    expect(runs).toBe(1)
    expect(first.headers.getSetCookie()).toEqual(['a=1', 'b=2; Path=/'])
    expect(first.headers.get('x-own')).toBe('a')
    expect(first.headers.has('idempotency-replayed')).toBe(false)
    expect(second.headers.getSetCookie()).toEqual([])
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    for (const answer of [first, second]) {
      expect(answer).toMatchObject({ status: 201 })
      expect(answer.headers.get('location')).toBe('/orders/1')
      expect(answer.headers.get('content-type')).toBe('application/x-thing')
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
    }
  })

  it('runs one of a hundred at a time', async () => {
    let runs = 0
    const handler = setup(
      async () => {
        runs++
        await new Promise((resolve) => setTimeout(resolve, 20))
        return Response.json({ runs })
      },
      { onInFlight: 'wait' },
    )
    const url = await serve(handler)
    const answers = await Promise.all(Array.from({ length: 100 }, () => fetch(url, POST('k')).then((a) => a.text())))
    expect(new Set(answers)).toEqual(new Set(['{"runs":1}']))
  })

  it('hands the very same request on, with its body unread, and everything else the platform gives', async () => {
    class PlatformRequest extends Request {
      readonly geo = 'nowhere'
    }
    const seen: unknown[] = []
    const wrapped = idempotency(engine(), { scope: 'public' })(
      async (given: PlatformRequest, context: { id: string }, more: number) => {
        seen.push(given, await given.json(), context.id, more, operationOf(given)?.attempt)
        return new Response(given.geo)
      },
    )
    const given = new PlatformRequest('http://test/a', POST('k', '{"n":1}'))
    expect(await (await wrapped(given, { id: '7' }, 3)).text()).toBe('nowhere')
    expect(seen).toEqual([given, { n: 1 }, '7', 3, 1])
    expect(seen[0]).toBe(given)
  })

  it('leaves other methods and requests without a key alone', async () => {
    let runs = 0
    const handler = setup(async (given) => new Response(`${++runs} ${operationOf(given)?.key} ${await given.text()}`))
    const plain = { method: 'POST', body: 'x' }
    expect(await (await handler(new Request('http://test/', plain))).text()).toBe('1 undefined x')
    expect(await (await handler(new Request('http://test/', plain))).text()).toBe('2 undefined x')
    const get = { headers: { 'idempotency-key': 'k' } }
    expect(await (await handler(new Request('http://test/', get))).text()).toBe('3 undefined ')
    expect((await setup(() => new Response(), { required: true })(new Request('http://test/', plain))).status).toBe(400)
  })

  it('tells another body, path, query or tenant apart', async () => {
    let runs = 0
    const options = { scope: ({ request: given }: { request: Request }) => given.headers.get('x-tenant') ?? 'none' }
    const handler = setup(() => new Response(String(++runs)), options)
    const ask = async (url: string, body: string, tenant = 'a') => {
      const answer = await handler(new Request(url, POST('k', body, { 'x-tenant': tenant })))
      return answer.ok ? answer.text() : answer.status
    }
    expect(await ask('http://test/a', '{"a":1,"b":2}')).toBe('1')
    expect(await ask('http://test/a', '{"b":2,"a":1}')).toBe('1')
    expect(await ask('http://test/a', '{"a":2}')).toBe(422)
    expect(await ask('http://test/a?x=1', '{"a":2}')).toBe('2')
    expect(await ask('http://test/b', '{"a":2}')).toBe('3')
    expect(await ask('http://test/a', '{"a":1,"b":2}', 'b')).toBe('4')
  })

  it('refuses a body that is too long to compare, whether it says so or not, and runs nothing', async () => {
    let runs = 0
    const handler = setup(() => new Response(String(++runs)), { maxRequestBytes: 1000 })
    const url = await serve(handler)
    const chunked = () =>
      new ReadableStream({
        start(controller) {
          for (let n = 0; n < 5; n++) controller.enqueue(new Uint8Array(300))
          controller.close()
        },
      })
    const streamed = { ...POST('a', chunked()), duplex: 'half' } as RequestInit
    const [said, unsaid] = [await fetch(url, POST('b', 'x'.repeat(1001))), await fetch(url, streamed)]
    expect([said.status, unsaid.status]).toEqual([413, 413])
    expect(await said.json()).toMatchObject({ code: 'payload-too-large' })
    expect(runs).toBe(0)
    expect((await fetch(url, POST('c', 'x'.repeat(1000)))).status).toBe(200)
  })

  it('refuses a request whose body somebody has read before: it cannot be compared', async () => {
    let runs = 0
    const handler = setup(() => new Response(String(++runs)))
    const given = request('k')
    await given.text()
    await expect(handler(given)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('before'),
    })
    expect(runs).toBe(0)
    const locked = request('k')
    locked.body?.getReader()
    await expect(handler(locked)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    const own = request('k')
    await own.text()
    expect(await (await setup(() => new Response('x'), { fingerprint: () => 'own' })(own)).text()).toBe('x')
  })

  it.each([
    [204, undefined],
    [205, undefined],
    [304, undefined],
    [303, '/there'],
    [200, undefined],
    [404, undefined],
  ])('replays %i without a body', async (status, location) => {
    let runs = 0
    const url = await serve(
      setup(() => {
        runs++
        return new Response(null, { status, headers: location === undefined ? {} : { location } })
      }),
    )
    for (const replayed of [null, 'true']) {
      const answer = await fetch(url, { ...POST('k'), redirect: 'manual' })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('location') ?? undefined).toBe(location)
      expect(answer.headers.get('idempotency-replayed')).toBe(replayed)
      expect(await answer.text()).toBe('')
    }
    expect(runs).toBe(1)
  })

  it('rethrows what the handler throws, as it was, and runs it again', async () => {
    let runs = 0
    const error = new TypeError('of the handler')
    const handler = setup(() => {
      if (++runs === 1) throw error
      return new Response('fine')
    })
    await expect(handler(request('k'))).rejects.toBe(error)
    expect(await (await handler(request('k'))).text()).toBe('fine')
    const nothing = setup(() => undefined as unknown as Response)
    await expect(nothing(request('n'))).rejects.toThrow(TypeError)
  })

  it('keeps a 422, and neither a 503 nor a 401', async () => {
    for (const [status, expected] of [
      [422, 1],
      [503, 2],
      [401, 2],
    ] as const) {
      let runs = 0
      const handler = setup(() => new Response(String(++runs), { status, statusText: 'Own Words' }))
      const first = await handler(request('k'))
      expect(first).toMatchObject({ status, statusText: 'Own Words' })
      expect(await first.text()).toBe('1')
      expect(await (await handler(request('k'))).text()).toBe(String(expected))
    }
  })

  it('leaves an operation to its lease when the outcome is not known, whether answered or thrown', async () => {
    const answers = [
      () => new Response('timed out', { status: 504 }),
      () => {
        throw new OnlyonceError('OUTCOME_UNKNOWN', 'the bank did not answer')
      },
    ]
    for (const answer of answers) {
      let runs = 0
      const options = {
        leaseMs: 60_000,
        onAbandoned: 'hold',
        outcome: ({ status }: { status: number }) => (status === 504 ? 'abandon' : undefined),
      } as const
      const { store, advance } = jumping()
      const handler = idempotency(engine({ store }), { scope: 'public', ...options })(() => {
        runs++
        return answer()
      })
      expect((await handler(request('k'))).status).toBe(answer === answers[0] ? 504 : 409)
      expect(await (await handler(request('k'))).json()).toMatchObject({ code: 'conflict' })
      advance(60_000)
      expect(await (await handler(request('k'))).json()).toMatchObject({ code: 'outcome-unknown' })
      expect(runs).toBe(1)
    }
  })

  it('wrapped twice is guarded once', async () => {
    const wrap = idempotency(engine(), { scope: 'public' })
    let runs = 0
    const handler = wrap(wrap(() => new Response(String(++runs))))
    for (const _ of [1, 2]) expect(await (await handler(request('k'))).text()).toBe('1')
  })

  it('is guarded again when the same request is handed in again', async () => {
    let runs = 0
    const handler = idempotency(engine(), { scope: 'public' })(() => {
      if (++runs === 1) throw new Error('on purpose')
      return new Response('done')
    })
    const asked = request('k', '')
    await expect(handler(asked)).rejects.toThrow('on purpose')
    expect(await (await handler(asked)).text()).toBe('done')
    const replay = await handler(request('k', ''))
    expect([await replay.text(), replay.headers.get('idempotency-replayed'), runs]).toEqual(['done', 'true', 2])
    expect(operationOf(asked)?.key).toBe('k')
  })

  it('passes on answers whose headers are locked, such as those of fetch itself', async () => {
    const url = await serve(() => Response.json({ from: 'upstream' }))
    const handler = setup(() => fetch(url))
    expect(await (await handler(request('k'))).json()).toEqual({ from: 'upstream' })
    const replay = await handler(request('k'))
    expect(replay.headers.get('content-type')).toBe('application/json')
    expect(await replay.json()).toEqual({ from: 'upstream' })
  })

  it('says what it asks of clients', () => {
    const wrap = idempotency(engine(), { scope: 'public', required: true })
    expect(wrap.describe()).toMatchObject({ header: 'Idempotency-Key', required: true, methods: ['POST', 'PATCH'] })
    expect(() => idempotency(engine(), {} as never)).toThrow(/scope/)
  })
})
