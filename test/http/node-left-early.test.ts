import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import type { Store } from '../../src/core/store.ts'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sleep as pause, until } from './fetch-kit.ts'

const tidy: (() => unknown)[] = []
afterEach(async () => {
  for (const one of tidy.splice(0)) await one()
})

type Stage = 'claiming' | 'handling'

/** A server whose handler reads the body itself, behind a store that takes its time. */
async function serve() {
  const stages: Stage[] = []
  const store = memoryStore()
  const slow: Store = {
    ...store,
    async claim(requests) {
      stages.push('claiming')
      await pause(100)
      return store.claim(requests)
    },
  }
  const once = onlyonce({ store: slow, scope: 'test' })
  const guard = idempotency(once, { scope: 'public' })
  const bodies: string[] = []
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    stages.push('handling')
    await pause(100)
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      bodies.push(body)
      res.statusCode = 201
      res.write('made ')
      res.end(body)
    })
  }
  const server = createServer((req, res) => guard(req, res, () => void handle(req, res)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  tidy.push(
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
  )
  const { port } = server.address() as AddressInfo
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'idempotency-key': 'k' },
      body: 'thing',
    })
    return `${answer.status} ${await answer.text()}`
  }
  const askAndLeave = async (stage: Stage, how: 'close' | 'reset') => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nthing',
    )
    await until(() => stages.includes(stage))
    if (how === 'reset') socket.resetAndDestroy()
    else socket.destroy()
  }
  return { ask, askAndLeave, bodies }
}

it.each([
  ['while its request is being claimed', 'close', 'claiming'],
  ['while its request is being claimed', 'reset', 'claiming'],
  ['before the handler has read the body', 'close', 'handling'],
  ['before the handler has read the body', 'reset', 'handling'],
] as const)(
  'a client that leaves %s (%s) changes nothing: the handler runs once, and its answer is kept',
  async (_, how, stage) => {
    const { ask, askAndLeave, bodies } = await serve()
    await askAndLeave(stage, how)
    await until(() => bodies.length > 0)
    await until(async () => !(await ask()).startsWith('409'))
    expect(await ask()).toBe('201 made thing')
    expect(bodies).toEqual(['thing'])
  },
)
