import { createServer, type ServerResponse } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order } from './harness/shop.ts'

/** Frameworks ask this before they answer in the handler's place: with a page for an error, say. */
const answered = ({ headersSent, writableEnded, finished }: ServerResponse) => [headersSent, writableEnded, finished]

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
    [false, false, false],
    [true, true, true],
  ])
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
  onTestFinished(() => {
    session.close()
    server.close()
  })
  const stream = session.request({ ':method': 'POST', ':path': '/', 'idempotency-key': 'k' })
  stream.setEncoding('utf8').end()
  const status = await new Promise((resolve) => stream.on('response', (head) => resolve(head[':status'])))
  let body = ''
  for await (const chunk of stream) body += chunk
  expect([status, body, told]).toEqual([201, 'made', [[true, true, true]]])
})
