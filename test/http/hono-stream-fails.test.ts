import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { expect, it } from 'vitest'
import { idempotency } from '../../src/http/hono.ts'
import { engine, POST, serve, sleep } from './fetch-kit.ts'

it('a stream of Hono whose callback throws is kept as it was sent, and one that errors itself is not', async () => {
  const app = new Hono()
  const runs = { callback: 0, own: 0 }
  app.use(idempotency(engine(), { scope: 'public' }))
  app.post('/callback', (c) => {
    runs.callback++
    return stream(
      c,
      async (out) => {
        await out.write('half')
        await sleep(20)
        throw new Error('the effect failed')
      },
      async () => {},
    )
  })
  app.post('/own', () => {
    runs.own++
    const start = async (controller: ReadableStreamDefaultController) => {
      controller.enqueue(new TextEncoder().encode('half'))
      await sleep(20)
      controller.error(new Error('the effect failed'))
    }
    return new Response(new ReadableStream({ start }))
  })
  const url = await serve(app.fetch)
  const ask = async (path: string) => {
    const answer = await fetch(url + path, POST('k'))
    const text = await answer.text().catch(() => 'cut')
    return [text, answer.headers.get('idempotency-replayed')]
  }
  expect([await ask('/callback'), await ask('/callback')]).toEqual([
    ['half', null],
    ['half', 'true'],
  ])
  expect([await ask('/own'), await ask('/own')]).toEqual([
    ['cut', null],
    ['cut', null],
  ])
  expect(runs).toEqual({ callback: 1, own: 2 })
})
