import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import { onlyonce, type Store } from 'onlyonce'
import { idempotency } from 'onlyonce/fetch'
import { mysqlStore } from 'onlyonce/mysql'
import { postgresStore } from 'onlyonce/postgres'
import { type RedisClient, redisStore } from 'onlyonce/redis'
import pg from 'pg'

interface Opened {
  readonly store: Store
  end(): Promise<unknown>
}

function open(url: string): Opened {
  if (url.startsWith('redis:')) {
    const client = new Redis(url)
    return { store: redisStore({ client: client as unknown as RedisClient }), end: () => client.quit() }
  }
  if (url.startsWith('postgres:')) {
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    return { store: postgresStore({ pool, schema: 'workers' }), end: () => pool.end() }
  }
  const pool = mysql.createPool({ uri: url, disableEval: true, connectionLimit: 2 })
  return { store: mysqlStore({ pool }), end: () => pool.end() }
}

let runs = 0

/** As the how-to says: what a Worker opens belongs to the request it was opened in, the engine included. */
export default {
  async fetch(request: Request, env: { STORE: string }, ctx: { waitUntil(work: Promise<unknown>): void }) {
    if (request.method === 'GET') return Response.json(runs)
    const { store, end } = open(env.STORE)
    const once = onlyonce({ store, scope: 'shop' })
    const guarded = idempotency(once, { scope: 'public', onInFlight: 'wait' })(handle)
    try {
      return await guarded(request)
    } finally {
      ctx.waitUntil(once.close().then(end))
    }
  },
}

/** All requests of one Durable Object share what it opens, so it has one engine for them. */
export class Shop {
  readonly #guarded: (request: Request) => Promise<Response>

  constructor(_: unknown, env: { STORE: string }) {
    const once = onlyonce({ store: open(env.STORE).store, scope: 'object' })
    this.#guarded = idempotency(once, { scope: 'public', onInFlight: 'wait' })(handle)
  }

  async fetch(request: Request): Promise<Response> {
    return request.method === 'GET' ? Response.json(runs) : this.#guarded(request)
  }
}

async function handle(request: Request): Promise<Response> {
  const body = await request.text()
  const { pathname } = new URL(request.url)
  runs++
  if (pathname === '/later') await pause(200)
  if (pathname === '/throws') throw new Error('thrown on purpose')
  if (pathname === '/streams') return new Response(slowly([body, ' and', ' more']), { status: 201 })
  return Response.json({ body, run: runs }, { status: 201 })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function slowly(parts: readonly string[]): ReadableStream<Uint8Array> {
  const left = [...parts]
  return new ReadableStream({
    async pull(controller) {
      await pause(50)
      const part = left.shift()
      if (part === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(part))
    },
  })
}
