import { createServer } from 'node:http'
import { join } from 'node:path'
import express from 'express'
import express4 from 'express4'
import { describe, expect, it, onTestFinished } from 'vitest'
import { idempotency, operationOf } from '../../src/http/express.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'
import { squeeze } from './harness/squeeze.ts'

async function serve(app: express.Express): Promise<string> {
  app.use(
    ((_error, _req, res, _next) => void res.status(500).json({ failed: true })) satisfies express.ErrorRequestHandler,
  )
  const server = createServer(app)
  onTestFinished(() => shut(server))
  return listen(server)
}

const text = 'a line that is worth packing. '.repeat(100)

describe.for([
  ['express 5', express],
  ['express 4', express4 as typeof express],
] as const)('%s', ([, make]) => {
  const guarded = () => idempotency<express.Request>(newOnce(), { scope: 'public' })

  it.for([
    ['in front of the guard', true],
    ['behind the guard', false],
  ] as const)('what packs answers may stand %s', async ([, inFront]) => {
    const app = make()
    let runs = 0
    app.use(inFront ? [squeeze, guarded()] : [guarded(), squeeze])
    app.post('/whole', (_req, res) => void res.type('txt').send(`${++runs} ${text}`))
    app.post('/parts', (_req, res) => {
      res.type('txt').write(`${++runs} `)
      setTimeout(() => res.end(text), 10)
    })
    const url = await serve(app)
    for (const path of ['/whole', '/parts']) {
      const ask = { headers: { 'accept-encoding': 'gzip' } }
      const first = await seen(await order(url + path, 'k', ask))
      expect(first).toMatchObject({ status: 200, encoding: 'gzip', body: `${runs} ${text}`, replayed: false })
      expect(await seen(await order(url + path, 'k', ask))).toEqual({ ...first, replayed: true })
      if (!inFront) continue
      // What is stored is what the handler said; what stands in front packs it for each client as that client wants it.
      const plain = { headers: { 'accept-encoding': 'identity' } }
      expect(await seen(await order(url + path, 'k', plain))).toEqual({ ...first, encoding: null, replayed: true })
    }
    expect(runs).toBe(2)
  })

  it('a guard on the application and one on a router are one guard', async () => {
    const app = make()
    let runs = 0
    const once = newOnce()
    const guard = () => idempotency<express.Request>(once, { scope: 'public' })
    const router = make.Router().use(guard())
    router.post('/orders', (_req, res) => void res.status(201).json({ run: ++runs }))
    app.use(guard()).use('/api', router)
    const url = `${await serve(app)}/api/orders`
    const first = await seen(await order(url, 'k'))
    expect(first).toMatchObject({ status: 201, replayed: false })
    expect(await seen(await order(url, 'k'))).toEqual({ ...first, replayed: true })
    expect(runs).toBe(1)
  })

  it('headers of middleware in front are set on replays and problems too', async () => {
    const app = make()
    app.use((_req, res, next) => {
      res.set('access-control-allow-origin', '*')
      next()
    })
    app.use(guarded())
    app.post('/orders', (_req, res) => void res.status(201).json({}))
    const url = `${await serve(app)}/orders`
    const answers = [await order(url, 'k'), await order(url, 'k'), await order(url, 'k', { body: '{"other":1}' })]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 422])
    for (const { headers } of answers) expect(headers.get('access-control-allow-origin')).toBe('*')
  })

  it('the handler may ask about the operation it carries out', async () => {
    const app = make()
    app.use(guarded())
    app.post('/orders', (req, res) => {
      const op = operationOf(req)
      res.json({ key: op?.key, attempt: op?.attempt, child: op?.child('payment').length })
    })
    const url = `${await serve(app)}/orders`
    expect(await (await order(url, 'k-1')).json()).toEqual({ key: 'k-1', attempt: 1, child: 32 })
    expect(await (await order(url, undefined)).json()).toEqual({})
  })

  it('a part of a file is given again as that part', async () => {
    const app = make()
    app.use(guarded())
    app.post('/orders', (_req, res) => void res.sendFile(join(import.meta.dirname, 'harness', 'sent.json')))
    const url = `${await serve(app)}/orders`
    const answers: Response[] = []
    for (const range of ['bytes=2-5', 'bytes=2-5', 'bytes=0-9'])
      answers.push(await order(url, 'k', { headers: { range } }))
    const parts = answers.map(({ status, headers }) => [status, headers.get('content-range')?.replace(/\/.*/, '')])
    expect(parts).toEqual([1, 2, 3].map(() => [206, 'bytes 2-5']))
    expect(answers.map(({ headers }) => headers.has('idempotency-replayed'))).toEqual([false, true, true])
  })

  it('a connection that the server cuts before anything was said does not free the key', async () => {
    const app = make()
    let runs = 0
    let finish = () => {}
    const over = new Promise<void>((resolve) => {
      finish = resolve
    })
    app.use(guarded())
    app.post('/orders', (req, res) => {
      runs++
      // As a server does that closes, or whose time limit is over.
      req.socket.destroy()
      void over.then(() => res.status(201).json({ run: runs }))
    })
    const url = `${await serve(app)}/orders`
    await expect(order(url, 'k')).rejects.toThrow()
    expect((await order(url, 'k')).status).toBe(409)
    finish()
    await expect.poll(async () => (await order(url, 'k')).status).toBe(201)
    expect(runs).toBe(1)
  })
})
