import { createServer, type ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Once } from '../../src/core/once.ts'
import { type ExpressRequest, idempotency } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { storeOn, tempFile } from '../integration/sqlite-helpers.ts'
import { engine, gated, POST, sleep, until } from './fetch-kit.ts'
import { counting, listen, proxyTo } from './proxy-kit.ts'

/** A server without a framework. */
function serve<Tx>(once: Once<Tx>, options: { atomic?: boolean }, handler: (res: ServerResponse) => void) {
  const guard = idempotency(once, { scope: 'public', ...options })
  const server = createServer((req, res) => {
    guard(Object.assign(req, { originalUrl: req.url ?? '' }) as ExpressRequest, res, () => handler(res))
  })
  return listen(server)
}

describe('the last byte of an answer whose length is told', () => {
  const handlers: Record<string, (res: ServerResponse) => void> = {
    'by setHeader': (res) => {
      res.setHeader('content-length', 10)
      res.write('12345')
      res.write('67890')
      setTimeout(() => res.end(), 10)
    },
    'by writeHead': (res) => {
      res.writeHead(200, { 'Content-Length': '10' }).write('1234567890', () => res.end())
    },
  }

  it.each(Object.keys(handlers))('%s waits for the record, as an end does', async (how) => {
    const { store, completing, open } = gated(memoryStore())
    const url = await serve(engine({ store }), {}, handlers[how] as (res: ServerResponse) => void)
    let text: string | undefined
    const answer = fetch(url, POST('k')).then(async (one) => {
      text = await one.text()
    })
    await until(completing)
    await sleep(40)
    expect(text).toBe(undefined)
    open()
    await answer
    expect(text).toBe('1234567890')
    expect(await (await fetch(url, POST('k'))).text()).toBe('1234567890')
  })

  it('waits behind the proxy, too', async () => {
    const upstream = await counting()
    const { store, completing, open } = gated(memoryStore())
    const { url } = await proxyTo(upstream.url, { store })
    let text: string | undefined
    const answer = fetch(url, POST('k')).then(async (one) => {
      text = await one.text()
    })
    await until(completing)
    await sleep(40)
    expect(text).toBe(undefined)
    open()
    await answer
    expect(text).toBe('{"runs":1}')
  })
})

it('with atomic: true, a handler that goes on when its bytes are taken is not left waiting', async () => {
  const once = onlyonce({ store: storeOn(tempFile()), scope: 'test' })
  const url = await serve(once, { atomic: true }, (res) => void res.write('one ', () => res.end('two')))
  for (const _ of [1, 2]) expect(await (await fetch(url, POST('k'))).text()).toBe('one two')
})

it.each<[string, (res: ServerResponse, bytes: Buffer) => void]>([
  ['end', (res, bytes) => res.end(bytes)],
  ['the last write', (res, bytes) => void res.setHeader('content-length', bytes.length).write(bytes, () => res.end())],
])('what the handler does to its buffer after %s is not sent', async (_, answer) => {
  const { store, completing, open } = gated(memoryStore())
  const bytes = Buffer.from('for ann')
  const url = await serve(engine({ store }), {}, (res) => answer(res, bytes))
  const asked = fetch(url, POST('k')).then((one) => one.text())
  await until(completing)
  bytes.write('for bob')
  open()
  expect(await asked).toBe('for ann')
  expect(await (await fetch(url, POST('k'))).text()).toBe('for ann')
})
