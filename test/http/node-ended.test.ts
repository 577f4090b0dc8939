import { createServer, type ServerResponse } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { until } from './fetch-kit.ts'
import { orderOverHttp2 } from './harness/http2.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order } from './harness/shop.ts'

/** Frameworks ask this before they answer in the handler's place: with a page for an error, say. */
const answered = ({ headersSent, writableEnded }: ServerResponse) => [headersSent, writableEnded]

it.each([
  ['which says its head itself', (res: ServerResponse) => void res.writeHead(201).end('made')],
  ['which leaves the head to Node', (res: ServerResponse) => void Object.assign(res, { statusCode: 201 }).end('made')],
])('an answer has ended for everybody when the handler has ended it, %s', async (_, answer) => {
  const guard = idempotency(newOnce(), { scope: 'public' })
  const told: unknown[] = []
  const server = createServer((req, res) =>
    guard(req, res, () => {
      told.push(answered(res))
      answer(res)
      told.push(answered(res))
      res.end('made again')
    }),
  )
  onTestFinished(() => shut(server))
  const answers = await order(await listen(server), 'k')
  expect([answers.status, await answers.text()]).toEqual([201, 'made'])
  expect(told).toEqual([
    [false, false],
    [true, true],
  ])
})

it('a handler that ends its answer again to learn when it is sent learns it', async () => {
  const guard = idempotency(newOnce(), { scope: 'public' })
  let sent = false
  const server = createServer((req, res) =>
    guard(req, res, () => {
      res.end('made')
      res.end(() => {
        sent = res.writableFinished
      })
    }),
  )
  onTestFinished(() => shut(server))
  await order(await listen(server), 'k')
  await until(() => sent)
})

it('and over HTTP/2, behind a parser of bodies', async () => {
  const guard = idempotency(newOnce(), { scope: 'public' })
  const told: unknown[] = []
  const server = createServer2((req, res) =>
    guard(Object.assign(req, { body: new Uint8Array(0) }) as never, res as never, () => {
      res.statusCode = 201
      res.end('made')
      told.push(answered(res as never))
    }),
  )
  const [status, body] = await orderOverHttp2(server)
  expect([status, body, told]).toEqual([201, 'made', [[true, true]]])
})
