import { once as event } from 'node:events'
import express from 'express'
import { Hono } from 'hono'
import { timeout } from 'hono/timeout'
import { describe, expect, it } from 'vitest'
import { idempotency as expressed } from '../../src/http/express.ts'
import { idempotency as fetching } from '../../src/http/fetch.ts'
import { idempotency as hono } from '../../src/http/hono.ts'
import { engine, jumping, later, POST, request, serve, until } from './fetch-kit.ts'

/** What the reference says to do about such a limit. */
const told = {
  scope: 'public',
  outcome: ({ status }: { status: number }) => (status === 504 ? 'abandon' : undefined),
  onAbandoned: 'hold',
} as const

/** A handler that goes on working after its limit, until it is let go. */
function slow() {
  const ran = { times: 0, ended: 0 }
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const work = async () => {
    ran.times++
    await ended
    ran.ended++
  }
  return { ran, work, end }
}

type Ask = () => Promise<Response>
type Open = (once: ReturnType<typeof engine>, work: () => Promise<void>) => Ask | Promise<Ask>

const cases: Record<string, Open> = {
  express: async (once, work) => {
    const app = express()
    app.use(expressed(once, told))
    app.use((_, res, next) => {
      setTimeout(() => res.headersSent || res.status(504).send('limit'), 20)
      next()
    })
    app.post('/', async (_, res) => {
      await work()
      if (!res.headersSent) res.send('done')
    })
    const server = app.listen(0, '127.0.0.1')
    await event(server, 'listening')
    later(() => server.close())
    const { port } = server.address() as { port: number }
    return () => fetch(`http://127.0.0.1:${port}`, POST('k'))
  },
  fetch: (once, work) => {
    const limit = () => new Promise<Response>((resolve) => setTimeout(resolve, 20, new Response('', { status: 504 })))
    const handler = fetching(once, told)(() => Promise.race([work().then(() => new Response('done')), limit()]))
    return () => handler(request('k'))
  },
  hono: async (once, work) => {
    const app = new Hono()
    app.use(hono(once, told), timeout(20))
    app.post('/', async (c) => {
      await work()
      return c.text('done')
    })
    const url = await serve(app.fetch)
    return () => fetch(url, POST('k'))
  },
}

describe('a time limit that answers for the handler', () => {
  it.each(Object.entries(cases))('and is told to abandon does not let it run again: %s', async (_, open) => {
    const { store, advance } = jumping()
    const { ran, work, end } = slow()
    const ask = await open(engine({ store }), work)
    const first = await ask()
    expect(first.status).toBe(504)
    await first.text()
    expect(await (await ask()).json()).toMatchObject({ status: 409, code: 'conflict' })
    end()
    await until(() => ran.ended === 1)
    const code = async () => ((await (await ask()).json()) as { code: string }).code
    await until(async () => {
      advance(30_000)
      return (await code()) === 'outcome-unknown'
    })
    expect(ran.times).toBe(1)
  })
})
