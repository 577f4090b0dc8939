import { createServer, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { listen, shut } from './harness/listen.ts'
import { rawConnection } from './raw-connection.ts'

/** A store that keeps results when it is told to. */
function keeping() {
  const store = memoryStore()
  let keep = () => {}
  const told = new Promise<void>((resolve) => {
    keep = resolve
  })
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const complete: typeof store.complete = async (completions) => {
    asked()
    await told
    return store.complete(completions)
  }
  return { store: { ...store, complete }, isAsked, keep: () => keep() }
}

const answers: [string, (res: ServerResponse) => void][] = [
  ['204 whose head is flushed', (res) => res.writeHead(204).flushHeaders()],
  ['nothing, as its length says', (res) => res.writeHead(200, { 'content-length': 0 }).flushHeaders()],
]

it.each(answers)('an answer of a head alone waits until it is kept: %s', async (_, answer) => {
  const { store, isAsked, keep } = keeping()
  const guard = idempotency(onlyonce({ store, scope: 'test' }), { scope: 'public' })
  const server = createServer((req, res) =>
    guard(req, res, () => {
      if (req.method === 'POST') answer(res)
      res.end()
    }),
  )
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('k')
  await isAsked
  // What was sent before would be there by now.
  await fetch(url)
  expect(connection.soFar()).toBe('')
  keep()
  expect(await connection.heard('\r\n\r\n')).toMatch(/^HTTP\/1.1 20[04] /)
})

it('a body that Node refuses behind such a head is refused where it is written', async () => {
  const guard = idempotency(onlyonce({ store: memoryStore(), scope: 'test' }), { scope: 'public' })
  let refused: unknown
  const server = createServer({ rejectNonStandardBodyWrites: true }, (req, res) =>
    guard(req, res, () => {
      try {
        res.writeHead(204).write('a body')
      } catch (error) {
        refused = error
      }
      res.end()
    }),
  )
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.post('k')
  expect(await connection.heard('\r\n\r\n')).toMatch(/^HTTP\/1.1 204 /)
  expect(refused).toMatchObject({ code: 'ERR_HTTP_BODY_NOT_ALLOWED' })
})
