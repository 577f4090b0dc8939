import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency, txOf } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { storeOn, tempFile } from '../integration/sqlite-helpers.ts'
import { until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const answers: [string, (res: ServerResponse, left: () => boolean) => Promise<unknown>][] = [
  [
    'is silent in the middle of its answer',
    async (res) => {
      res.writeHead(201).write('made')
      await sleep(300)
    },
  ],
  [
    'answers more than is kept',
    async (res, left) => {
      res.writeHead(201)
      while (!left()) await sleep(5)
      res.write('x'.repeat(2_000))
      await sleep(20)
      res.write('made')
    },
  ],
  [
    'destroys its answer because a stream of it was aborted',
    async (res, left) => {
      res.writeHead(201)
      while (!left()) await sleep(5)
      res.destroy(Object.assign(new Error('stopped'), { name: 'AbortError' }))
      await sleep(20)
    },
  ],
]

it.each(answers)('atomic: all or nothing is committed of a handler that %s when its client left', async (_, say) => {
  const store = storeOn(tempFile())
  await store.transaction(async (tx) => tx.exec('CREATE TABLE written (attempt INTEGER, half TEXT)'))
  const guard = idempotency(onlyonce({ store, scope: 'test', storeTimeoutMs: 100 }), {
    ...{ scope: 'public', atomic: true, maxBodyBytes: 1_000, onUnrecordable: () => {} },
  })
  let attempt = 0
  let left = false
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    const mine = ++attempt
    const write = (half: string) => {
      txOf<SqliteTx>(req)?.prepare('INSERT INTO written VALUES (?, ?)').run(mine, half)
    }
    write('first')
    if (mine === 1) await say(res, () => left)
    try {
      write('second')
    } catch {
      // The transaction was undone.
    }
    res.end('made')
  }
  const server = createServer((req, res) => guard(req, res, () => handle(req, res)))
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('k')
  await until(() => attempt === 1)
  await connection.leave()
  left = true
  await expect.poll(async () => (await seen(await order(url, 'k', { body: '{}' }))).status).toBeLessThan(300)
  const written = await store.transaction(async (tx) => tx.prepare('SELECT * FROM written ORDER BY half').all())
  expect(written).toEqual([
    { attempt, half: 'first' },
    { attempt, half: 'second' },
  ])
})
