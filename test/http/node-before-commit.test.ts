import { createServer, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { storeOn, tempFile } from '../integration/sqlite-helpers.ts'
import { until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { rawConnection } from './raw-connection.ts'

/** A store that commits, or fails to, when it is told to. */
function committing() {
  const store = storeOn(tempFile())
  let settle: (fault?: Error) => void = () => {}
  const settled = new Promise<Error | undefined>((resolve) => {
    settle = resolve
  })
  let waits = false
  const transaction: typeof store.transaction = (work) =>
    store.transaction(async (tx) => {
      const value = await work(tx)
      waits = true
      const fault = await settled
      if (fault !== undefined) throw fault
      return value
    })
  return { store: { ...store, transaction } as typeof store, waits: () => waits, settle }
}

const type = { 'content-type': 'text/event-stream' }

const begins: [string, (res: ServerResponse) => void][] = [
  ['an event stream', (res) => void res.writeHead(200, type).write('data: paid\n\n')],
  [
    'an event stream whose head is flushed',
    (res) => void res.setHeader('content-type', type['content-type']).flushHeaders(),
  ],
  [
    'an event stream that says its type',
    (res) => void res.setHeader('content-type', type['content-type']).write('data: paid\n\n'),
  ],
  [
    'a head that is flushed',
    (res) => {
      res.flushHeaders()
      res.write('data: paid\n\n')
      res.end()
    },
  ],
]

async function serve(begin: (res: ServerResponse) => void) {
  const { store, waits, settle } = committing()
  const guard = idempotency(onlyonce({ store, scope: 'test' }), { scope: 'public', atomic: true })
  let res: ServerResponse | undefined
  let drained = 0
  const server = createServer((req, response) =>
    guard(req, response, () => {
      res = response.on('drain', () => drained++)
      begin(response)
    }),
  )
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.post('k')
  await until(waits)
  // Whatever was sent is on its way by now.
  await new Promise((resolve) => setTimeout(resolve, 30))
  return { connection, settle, res: res as unknown as ServerResponse, drained: () => drained }
}

it.each(begins)('atomic: nothing of %s is sent before the commit', async (_, begin) => {
  const { connection, settle, res, drained } = await serve(begin)
  expect([connection.soFar(), res.headersSent]).toEqual(['', true])
  settle()
  expect(await connection.heard('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  if (res.writableEnded) return
  await until(drained)
  res.end('data: done\n\n')
  await connection.heard('data: done')
})

it.each(begins)('atomic: %s whose commit fails is answered with the problem alone', async (_, begin) => {
  const { connection, settle, res } = await serve(begin)
  settle(new Error('commit failed'))
  const heard = await connection.heard('store-unavailable')
  expect(heard).toMatch(/^HTTP\/1.1 503 /)
  expect(heard).not.toContain('paid')
  res.end('data: done\n\n')
  expect(connection.soFar()).toBe(heard)
})

it('an event stream whose lease was lost is cut', async () => {
  const store = { ...memoryStore(), complete: async () => ['lost' as const] } as unknown as ReturnType<
    typeof memoryStore
  >
  const guard = idempotency(onlyonce({ store, scope: 'test' }), { scope: 'public' })
  const server = createServer((req, res) => guard(req, res, () => void res.writeHead(200, type).write('data: 1\n\n')))
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.post('k')
  expect(await connection.ended()).not.toContain('0\r\n\r\n')
})
