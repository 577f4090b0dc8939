import { createServer, type Server } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { engine, later, settled } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

/** Two servers of one service, whose handler has sent a part and works on until it is told to end. */
async function service() {
  const guard = idempotency(engine({ onAbandoned: 'hold' }), { scope: 'public' })
  const state = { runs: 0, end: () => {} }
  later(() => state.end())
  const servers = [0, 1].map(() =>
    createServer((req, res) =>
      guard(req, res, () => {
        state.runs++
        res.write('part ')
        state.end = () => void res.end('and the rest')
      }),
    ),
  ) as [Server, Server]
  for (const server of servers) onTestFinished(() => shut(server).catch(() => {}))
  return { state, servers, urls: await Promise.all(servers.map(listen)) }
}

const nothing = () => {}

it.each<[string, (server: Server) => void, (server: Server) => void]>([
  ['by its time limit', (server) => void server.setTimeout(100), nothing],
  ['by a time limit of the service', (server) => void server.setTimeout(100, (socket) => socket.destroy()), nothing],
  ['when it shuts down', nothing, (server) => server.close().closeAllConnections()],
])('an answer that the server cuts %s is not the end of the handler', async (_, limit, cut) => {
  const { state, servers, urls } = await service()
  const [url, other] = urls as [string, string]
  limit(servers[0])
  const connection = rawConnection(url)
  connection.post('k')
  await connection.heard('part')
  cut(servers[0])
  await connection.ended()
  expect((await order(other, 'k', { body: '{}' })).status).toBe(409)
  state.end()
  const again = await seen(await settled(() => order(other, 'k', { body: '{}' })))
  expect(again).toMatchObject({ status: 200, body: 'part and the rest', replayed: true })
  expect(state.runs).toBe(1)
})
