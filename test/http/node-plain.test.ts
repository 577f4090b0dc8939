import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type IdempotencyOptions, idempotency, operationOf, tokenEndpoint } from '../../src/http/express.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

/** The guard on `node:http`, with no framework that would know what to do about an error. */
async function serve(handler: Handler, options: Partial<IdempotencyOptions<IncomingMessage>> = {}) {
  const guard = idempotency(newOnce(), { scope: 'public', ...options })
  const server = createServer((req, res) => guard(req, res, () => handler(req, res)))
  onTestFinished(() => shut(server))
  return { url: await listen(server), warnings: warningsHeard() }
}

/** What the process was warned of, without what to do about it. */
function warningsHeard(): () => unknown[] {
  const heard: unknown[] = []
  const hear = ({ message, code }: NodeJS.ErrnoException) => {
    if (code === 'ONLYONCE_UNHANDLED') heard.push(/: (.+);/.exec(message)?.[1])
  }
  process.on('warning', hear)
  onTestFinished(() => void process.off('warning', hear))
  return () => heard
}

/** Sends four of ten bytes and hangs up. */
async function breakOff(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('POST /orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 10\r\n\r\nmug ')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await new Promise((resolve) => socket.on('close', resolve).destroy())
  await new Promise((resolve) => setTimeout(resolve, 50))
}

const failed = { status: 500, type: 'application/problem+json', replayed: false }

describe('a handler that throws on node:http', () => {
  it.each([
    ['before it said anything', () => {}],
    [
      'when it had said its status and type',
      (res: ServerResponse) => void res.writeHead(201, { 'content-type': 'x/y' }),
    ],
    [
      'when it had set headers',
      (res: ServerResponse) => void res.setHeader('content-length', 3).setHeader('etag', '1'),
    ],
  ])('%s is answered with 500, and its key is free', async (_, begin) => {
    let runs = 0
    const { url, warnings } = await serve((_req, res) => {
      if (++runs > 1) return res.end('made')
      begin(res)
      throw new Error('db down')
    })
    const answer = await order(url, 'k')
    expect(answer.headers.get('etag')).toBeNull()
    const { code } = JSON.parse(await answer.clone().text())
    expect([await seen(answer), code]).toEqual([expect.objectContaining(failed), 'failed'])
    expect(warnings()).toEqual(['db down'])
    expect(await seen(await order(url, 'k'))).toMatchObject({ status: 200, body: 'made', replayed: false })
    expect(runs).toBe(2)
  })

  it('in an async function is answered the same', async () => {
    const { url, warnings } = await serve(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      throw new Error('db down')
    })
    expect(await seen(await order(url, 'k'))).toMatchObject(failed)
    expect(warnings()).toEqual(['db down'])
  })

  it.each([
    ['half of an answer', { 'content-type': 'application/json' }],
    ['an event of a stream', { 'content-type': 'text/event-stream' }],
  ])('after %s cuts the connection: nobody takes that for the whole', async (_, headers) => {
    let runs = 0
    const { url, warnings } = await serve((_req, res) => {
      if (++runs > 1) return res.end('made')
      res.writeHead(201, headers).write('{"items":[1,')
      throw new Error('db down')
    })
    await expect(order(url, 'k').then((answer) => answer.text())).rejects.toThrow()
    expect(warnings()).toEqual(['db down'])
    await order(url, 'k')
    expect(runs).toBe(headers['content-type'] === 'text/event-stream' ? 1 : 2)
  })

  it('is answered the same without a key', async () => {
    for (const fail of [() => Promise.reject(new Error('db down')), () => expect.fail('db down')]) {
      const { url, warnings } = await serve(fail)
      expect(await seen(await order(url, undefined))).toMatchObject(failed)
      expect(warnings()).toEqual(['db down'])
    }
  })

  it('after its answer has ended has answered', async () => {
    let runs = 0
    const { url, warnings } = await serve((_req, res) => {
      res.end(`made ${++runs}`)
      throw new Error('too late')
    })
    expect(await seen(await order(url, 'k'))).toMatchObject({ status: 200, body: 'made 1', replayed: false })
    expect(await seen(await order(url, 'k'))).toMatchObject({ status: 200, body: 'made 1', replayed: true })
    expect(warnings()).toEqual(['too late'])
  })
})

describe('a guard that fails behind the answer of its handler', () => {
  /** Tokens of the user's own, whose desk breaks down when they have been spent. */
  const tokens: NonNullable<IdempotencyOptions['tokens']> = {
    accept: async (key) => ({ key, scope: 'form', fingerprint: 'f' }),
    async spend(_op, _bound, effect) {
      await effect()
      throw new Error('desk down')
    },
  }
  const answers = { status: 201, headers: { 'content-type': 'application/json', etag: '1' } }
  const made = ({ status, headers }: typeof answers, res: ServerResponse) => res.writeHead(status, headers).end('{}')
  const submit = (url: string) => order(url, undefined, { headers: { 'anti-repeat-token': 'k' } })

  it('is told, and answered with 500 in the place of that answer', async () => {
    const { url, warnings } = await serve((_req, res) => made(answers, res), { tokens })
    const answer = await submit(url)
    expect(answer.headers.get('etag')).toBeNull()
    expect(await seen(answer)).toMatchObject(failed)
    expect(warnings()).toEqual(['desk down'])
  })

  it('is so too where a framework waits for nothing more', async () => {
    const app = express()
    const guard = idempotency<express.Request>(newOnce(), { scope: 'public', tokens })
    const told: unknown[] = []
    app.use(guard, (_req, res) => void made(answers, res))
    app.use(((error, _req, _res, next) => {
      told.push(error)
      next(error)
    }) satisfies express.ErrorRequestHandler)
    const server = createServer(app)
    onTestFinished(() => shut(server))
    const warnings = warningsHeard()
    expect(await seen(await submit(await listen(server)))).toMatchObject(failed)
    expect([told, warnings()]).toEqual([[], ['desk down']])
  })

  it('cuts the connection where some of that answer is out', async () => {
    const { url, warnings } = await serve(
      (_req, res) => {
        res.writeHead(201).write('{"items":[1,')
        setTimeout(() => res.end('2]}'), 20)
      },
      { tokens },
    )
    await expect(submit(url).then((answer) => answer.text())).rejects.toThrow()
    expect(warnings()).toEqual(['desk down'])
  })
})

describe('an error before the handler on node:http', () => {
  it('does not run it: not after an upload that broke off', async () => {
    let orders = 0
    const unguarded: boolean[] = []
    const { url, warnings } = await serve((req, res) => {
      unguarded.push(operationOf(req) === undefined)
      res.end(`order ${++orders}`)
    })
    await breakOff(url)
    expect(orders).toBe(0)
    expect(await (await order(url, 'k')).text()).toBe('order 1')
    expect(await (await order(url, 'k')).text()).toBe('order 1')
    expect([unguarded, warnings()]).toEqual([[false], []])
  })

  it('is answered with 500 and reported', async () => {
    let orders = 0
    const scope = () => {
      throw new Error('no session')
    }
    const { url, warnings } = await serve((_req, res) => res.end(`order ${++orders}`), { scope })
    expect(await seen(await order(url, 'k'))).toMatchObject(failed)
    expect([orders, warnings()]).toEqual([0, ['no session']])
  })

  it('goes to a callback that has a parameter for it, while that can answer', async () => {
    const scope = () => {
      throw new Error('no session')
    }
    const guard = idempotency(newOnce(), { scope })
    const told: unknown[] = []
    const server = createServer((req, res) =>
      guard(req, res, (error) => {
        told.push(error)
        res.writeHead(error === undefined ? 200 : 418).write(String(error))
        if (error === undefined) throw new Error('half-way')
        res.end()
      }),
    )
    onTestFinished(() => shut(server))
    const warnings = warningsHeard()
    const url = await listen(server)
    expect(await seen(await order(url, 'k'))).toMatchObject({ status: 418, body: 'Error: no session' })
    await expect(order(url, undefined).then((answer) => answer.text())).rejects.toThrow()
    expect([told, warnings()]).toEqual([[new Error('no session'), undefined], ['half-way']])
  })

  it('goes to the framework, also where something has wrapped its `next`', async () => {
    const app = express()
    const guard = idempotency<express.Request>(newOnce(), {
      scope: () => {
        throw new Error('no session')
      },
    })
    // As OpenTelemetry does.
    app.use((req, res, next) => guard(req, res, (...words) => next(...(words as []))))
    app.use(
      ((error, _req, res, _next) => void res.status(418).end(error.message)) satisfies express.ErrorRequestHandler,
    )
    const server = createServer(app)
    onTestFinished(() => shut(server))
    expect(await seen(await order(await listen(server), 'k'))).toMatchObject({ status: 418, body: 'no session' })
  })

  it('of a token that cannot be issued is answered with 500', async () => {
    const issuer = { issue: () => Promise.reject(new Error('not asked')) }
    const subject = () => {
      throw new Error('no session')
    }
    const tokens = tokenEndpoint(issuer, { subject, operation: 'order' })
    const warnings = warningsHeard()
    let asked = 0
    const server = createServer((req, res) => tokens(req, res, () => void res.end(`${++asked}`)))
    onTestFinished(() => shut(server))
    expect(await seen(await order(await listen(server), undefined))).toMatchObject(failed)
    expect([asked, warnings()]).toEqual([0, ['no session']])
  })
})
