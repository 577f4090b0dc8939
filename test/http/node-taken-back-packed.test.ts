import { createServer, type ServerResponse } from 'node:http'
import { createGzip, type Gzip } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { onlyonce, type Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { listen, shut } from './harness/listen.ts'
import { rawConnection } from './raw-connection.ts'

/** Decides when it is told of the head, as `compression` does, and then packs all that is written. */
function pack(res: ServerResponse): void {
  const { write, end, writeHead } = res
  let gzip: Gzip | undefined
  const begin = () => {
    gzip = createGzip()
    gzip.on('data', (chunk: Buffer) => void write.call(res, chunk, 'utf8'))
    gzip.on('end', () => void end.apply(res, [] as never))
    res.setHeader('content-encoding', 'gzip').removeHeader('content-length')
  }
  res.writeHead = (...words: unknown[]) => {
    if (gzip === undefined) begin()
    return writeHead.apply(res, words as never)
  }
  const packed =
    (name: 'write' | 'end') =>
    (...words: unknown[]) => {
      if (gzip === undefined) res.writeHead(res.statusCode)
      gzip?.[name](...(words as [Buffer]))
      return res
    }
  Object.assign(res, { write: packed('write'), end: packed('end') })
}

/** Tells the time in the head, as `response-time` does. */
function time(res: ServerResponse): void {
  const { writeHead } = res
  res.writeHead = (...words: unknown[]) => {
    res.setHeader('x-time', '1')
    return writeHead.apply(res, words as never)
  }
}

async function serve(front: (res: ServerResponse) => void, handler: (res: ServerResponse) => void) {
  const store = { ...memoryStore(), complete: async () => ['lost' as const] } as unknown as Store
  const guard = idempotency(onlyonce({ store, scope: 'test' }), { scope: 'public' })
  const server = createServer((req, res) => {
    front(res)
    guard(req, res, () => handler(res))
  })
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.post('k')
  return connection
}

const headed = (res: ServerResponse) => void res.writeHead(201, { 'content-type': 'text/plain' }).end('made')

it('an answer whose head was packed already is cut when its lease was lost', async () => {
  const connection = await serve(pack, headed)
  expect(await connection.ended()).toBe('')
})

it.each<[string, (res: ServerResponse) => void, (res: ServerResponse) => void, RegExp]>([
  ['is not packed yet', pack, (res) => void res.end('made'), /content-encoding: gzip/],
  ['something in front has only seen', time, headed, /"code":"conflict"/],
])('a problem takes the place of an answer whose head %s', async (_, front, handler, problem) => {
  const connection = await serve(front, handler)
  const heard = await connection.heard(problem.source.includes('gzip') ? '0\r\n\r\n' : '"conflict"')
  expect(heard).toMatch(/^HTTP\/1.1 409 /)
  expect(heard).toMatch(problem)
})
