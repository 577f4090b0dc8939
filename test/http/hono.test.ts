import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { describe, expect, it } from 'vitest'
import { type IdempotencyOptions, idempotency, operationOf } from '../../src/http/hono.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, gated, POST, serve, sleep, until } from './fetch-kit.ts'

type Handler = (c: Context) => Response | Promise<Response>

/** One guarded route on a real socket, and how often its handler ran. */
async function setup(handler: Handler, options: Partial<IdempotencyOptions<Context>> = {}) {
  const app = new Hono()
  const ran = { times: 0 }
  app.post('/orders', idempotency<Context>(engine(), { scope: 'public', ...options }), (c) => {
    ran.times++
    return handler(c)
  })
  const url = await serve(app.fetch)
  return {
    ran,
    ask: (key = 'k', body = '{"n":1}') => fetch(`${url}/orders`, { ...POST(key, body), redirect: 'manual' }),
  }
}

const told = async (answer: Response) => ({
  status: answer.status,
  type: answer.headers.get('content-type'),
  location: answer.headers.get('location'),
  body: await answer.text(),
})

describe('hono', () => {
  it.each<[string, Handler]>([
    ['json', (c) => c.json({ a: [1] }, 201)],
    ['text', (c) => c.text('grüße 🛗')],
    ['html', (c) => c.html('<b>x</b>')],
    ['body of bytes', (c) => c.body(new Uint8Array([0, 255, 128]), 200, { 'content-type': 'image/x' })],
    ['body of nothing', (c) => c.body(null, 204)],
    ['redirect', (c) => c.redirect('/orders/1', 303)],
    ['newResponse', (c) => c.newResponse('x', 202, { location: '/x' })],
    ['a plain Response', () => new Response('plain', { status: 200 })],
    [
      'c.res',
      (c) => {
        c.res = new Response('set')
        return c.res
      },
    ],
    ['notFound', (c) => c.notFound()],
    [
      'an HTTPException that is final',
      () => {
        throw new HTTPException(422, { message: 'too little' })
      },
    ],
    [
      'stream',
      (c) =>
        stream(c, async (out) => {
          await out.write('a')
          await sleep(20)
          await out.write('b')
        }),
    ],
    [
      'streamText',
      (c) =>
        streamText(c, async (out) => {
          await out.writeln('a')
          await sleep(20)
          await out.write('b')
        }),
    ],
  ])('records %s', async (_, handler) => {
    const { ran, ask } = await setup(handler)
    const first = await told(await ask())
    const again = await ask()
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await told(again)).toEqual(first)
    expect(ran.times).toBe(1)
  })

  it('reports that an event stream cannot be given again', async () => {
    const { ran, ask } = await setup((c) => streamSSE(c, (out) => out.writeSSE({ data: 'x' })), {
      onUnrecordable: () => {},
    })
    expect(await (await ask()).text()).toBe('data: x\n\n')
    expect(await (await ask()).json()).toMatchObject({ status: 409, code: 'unrecordable' })
    expect(ran.times).toBe(1)
  })

  it('frees the key when the handler throws, whatever the app makes of it', async () => {
    const app = new Hono()
    let runs = 0
    app.onError((error, c) => c.json({ told: error.message }, 500))
    app.post('/a', idempotency(engine(), { scope: 'public' }), () => {
      throw new Error(`run ${++runs}`)
    })
    const url = await serve(app.fetch)
    expect(await (await fetch(`${url}/a`, POST('k'))).json()).toEqual({ told: 'run 1' })
    expect(await (await fetch(`${url}/a`, POST('k'))).json()).toEqual({ told: 'run 2' })
  })

  it('leaves it an error that the handler answers nothing', async () => {
    const [app, ran] = [new Hono(), { times: 0 }]
    app.post('/', idempotency(engine(), { scope: 'public' }), (async () => void ran.times++) as never)
    const url = await serve(app.fetch)
    for (const init of [POST('k'), POST('k'), { method: 'POST' }]) expect((await fetch(url, init)).status).toBe(500)
    expect(ran.times).toBe(3)
  })

  it('hands the context to options and handler: who asks is what authentication has set', async () => {
    const app = new Hono<{ Variables: { user: string } }>()
    const guard = idempotency(engine(), { scope: ({ request }) => String(request.get('user')) })
    let runs = 0
    app.use(async (c, next) => {
      c.set('user', c.req.header('authorization') ?? 'nobody')
      await next()
    })
    app.post('/orders/:id', guard, async (c) => {
      const { key, attempt, scope } = operationOf(c) ?? {}
      return c.json({ runs: ++runs, key, attempt, scope, sent: await c.req.json(), id: c.req.param('id') })
    })
    app.post('/open', async (c) => c.json({ key: operationOf(c)?.key ?? null }))
    const url = await serve(app.fetch)
    const ask = async (user: string) =>
      (await fetch(`${url}/orders/7?x=1`, POST('k', '{"n":1}', { authorization: user }))).json()
    const ann = await ask('ann')
    expect(ann).toMatchObject({ runs: 1, key: 'k', attempt: 1, sent: { n: 1 }, id: '7' })
    expect((ann as { scope: string }).scope).toContain('"ann","POST","/orders/7?x=1"')
    expect(await ask('ann')).toEqual(ann)
    expect(await ask('bob')).toMatchObject({ runs: 2 })
    expect(await (await fetch(`${url}/open`, POST('k'))).json()).toEqual({ key: null })
  })

  it('knows the whole path under a mounted app, and guards nothing but what it was put before', async () => {
    const [app, orders, refunds] = [new Hono(), new Hono(), new Hono()]
    let runs = 0
    const once = engine()
    for (const part of [orders, refunds]) {
      part.use(idempotency(once, { scope: 'public' }))
      part.post('/', (c) => c.text(`${++runs}`))
      part.get('/', (c) => c.text(`${++runs}`))
    }
    app.route('/orders', orders)
    app.route('/refunds', refunds)
    const url = await serve(app.fetch)
    const ask = async (path: string) => (await fetch(url + path, POST('k'))).text()
    expect([await ask('/orders'), await ask('/refunds'), await ask('/orders'), await ask('/refunds')]).toEqual([
      '1',
      '2',
      '1',
      '2',
    ])
    const get = { headers: { 'idempotency-key': 'k' } }
    expect(await (await fetch(`${url}/orders`, get)).text()).toBe('3')
    expect(await (await fetch(`${url}/orders`, get)).text()).toBe('4')
  })

  it('keeps what other middleware has set on replays and problems, and cookies to the first', async () => {
    const app = new Hono()
    app.use(cors({ origin: 'https://shop.example', credentials: true }))
    app.use(async (c, next) => {
      c.header('x-request-id', 'r1')
      await next()
      c.header('x-after', 'yes')
    })
    app.use(idempotency(engine(), { scope: 'public' }))
    app.post('/', (c) => {
      c.header('set-cookie', 'a=1', { append: true })
      c.header('set-cookie', 'b=2', { append: true })
      c.header('etag', '"1"')
      return c.text('fine')
    })
    const url = await serve(app.fetch)
    const ask = (body: string) => fetch(url, POST('k', body, { origin: 'https://shop.example' }))
    const [first, replay, problem] = [await ask('1'), await ask('1'), await ask('2')]
    for (const answer of [first, replay, problem]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example')
      expect(answer.headers.get('x-request-id')).toBe('r1')
      expect(answer.headers.get('x-after')).toBe('yes')
    }
    expect(first.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(replay.headers.getSetCookie()).toEqual([])
    expect([first.headers.get('etag'), replay.headers.get('etag'), problem.headers.get('etag')]).toEqual([
      '"1"',
      '"1"',
      null,
    ])
    expect(problem.headers.get('content-type')).toBe('application/problem+json')
    expect(problem.status).toBe(422)
  })

  it('compares a body that was read before through the context, and refuses one that was not', async () => {
    const app = new Hono()
    let runs = 0
    const guard = idempotency(engine(), { scope: 'public', maxRequestBytes: 100 })
    app.onError((error, c) => c.text(error.message, 500))
    app.use('/json', async (c, next) => {
      await c.req.json()
      await next()
    })
    app.use('/form', async (c, next) => {
      await c.req.parseBody()
      await next()
    })
    app.use('/raw', async (c, next) => {
      await c.req.raw.text()
      await next()
    })
    for (const path of ['/json', '/form', '/raw'])
      app.post(path, guard, async (c) => c.text(`${++runs} ${(await c.req.text()).length}`))
    const url = await serve(app.fetch)
    const ask = async (path: string, body: string, type = 'application/json') => {
      const answer = await fetch(url + path, POST('k', body, { 'content-type': type }))
      return [answer.status, await answer.text()]
    }
    expect(await ask('/json', '{"a":1}')).toEqual([200, '1 7'])
    expect(await ask('/json', '{"a": 1}')).toEqual([200, '1 7'])
    expect((await ask('/json', '{"a":2}'))[0]).toBe(422)
    expect((await ask('/json', `"${'x'.repeat(100)}"`))[0]).toBe(413)
    const form = '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    expect(await ask('/form', form, 'multipart/form-data; boundary=b')).toEqual([200, `2 ${form.length}`])
    expect(await ask('/form', form, 'multipart/form-data; boundary=b')).toEqual([200, `2 ${form.length}`])
    expect((await ask('/form', form.replace('1', '2'), 'multipart/form-data; boundary=b'))[0]).toBe(422)
    expect(await ask('/raw', '1')).toEqual([500, expect.stringContaining('read before idempotency')])
    expect(runs).toBe(2)
  })

  it('compares the fields of a form that was read as one before, and refuses one with files', async () => {
    const app = new Hono()
    let runs = 0
    app.onError((error, c) => c.text(error.message, 500))
    app.use(async (c, next) => {
      await c.req.formData()
      await next()
    })
    app.post('/', idempotency(engine(), { scope: 'public' }), (c) => c.text(`made ${++runs}`))
    const ask = async (body: string, boundary = 'b') => {
      const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
      const answer = await app.request('/', POST('k', body, headers))
      return [answer.status, await answer.text()]
    }
    const form = '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    for (const _ of [1, 2]) expect(await ask(form)).toEqual([200, 'made 1'])
    expect(await ask(form.replaceAll('--b', '--another'), 'another')).toEqual([200, 'made 1'])
    expect((await ask(form.replace('1', '2')))[0]).toBe(422)
    const file = form.replace('name="a"', 'name="a"; filename="a.txt"')
    expect(await ask(file)).toEqual([500, expect.stringContaining('cannot be compared')])
  })

  it('holds the end of a stream until its record is durable, and records it though the client left', async () => {
    const { store, completing, open } = gated(memoryStore())
    const app = new Hono()
    app.use(idempotency(engine({ store }), { scope: 'public' }))
    app.post('/', (c) =>
      stream(c, async (out) => {
        for (let n = 0; n < 5; n++) {
          await out.write(`${n}`)
          await sleep(15)
        }
      }),
    )
    const url = await serve(app.fetch)
    const answer = await fetch(url, POST('stays'))
    let ended = false
    const text = answer.text().finally(() => {
      ended = true
    })
    await until(completing)
    await sleep(20)
    expect(ended).toBe(false)
    open()
    expect(await text).toBe('01234')
    const leaving = new AbortController()
    const gone = await fetch(url, { ...POST('gone'), signal: leaving.signal })
    leaving.abort()
    await gone.text().catch(() => {})
    await until(() => completing() === 2)
    await until(async () => (await fetch(url, POST('gone'))).status !== 409)
    for (const key of ['gone', 'stays']) expect(await (await fetch(url, POST(key))).text()).toBe('01234')
  })

  it('tells the platform what still goes on after the response', async () => {
    const waiting: Promise<unknown>[] = []
    const app = new Hono()
    app.use(idempotency(engine(), { scope: 'public' }))
    app.post('/', (c) => c.text('x'))
    const context = {
      waitUntil: (work: Promise<unknown>) => void waiting.push(work),
      passThroughOnException() {},
      props: {},
    }
    await app.request('http://test/', POST('k'), {}, context)
    expect(waiting).toHaveLength(1)
    await Promise.all(waiting)
  })
})
