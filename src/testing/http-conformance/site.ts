import { randomUUID } from 'node:crypto'
import { onlyonce } from '../../core/engine.ts'
import type { OnceEvent } from '../../core/events.ts'
import type { Once } from '../../core/once.ts'
import type { EngineOptions } from '../../core/options.ts'
import { systemRuntime } from '../../core/runtime.ts'
import type { Store } from '../../core/store.ts'
import type { IdempotencyOptions } from '../../http/options.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { type Ask, type Client, clientOf } from './client.ts'
import type { HttpContext, HttpRoute, HttpScript, HttpSeen, HttpServer } from './harness.ts'

/** A handler that counts its runs. */
export interface Desk {
  run(seen: HttpSeen): Promise<HttpScript>
  readonly seen: readonly HttpSeen[]
  readonly runs: number
}

/** Each run answers differently by default, so an identical answer is a replay. */
export function desk(
  answer: (run: number, seen: HttpSeen) => HttpScript | Promise<HttpScript> = (run) => created({ run }),
): Desk {
  const seen: HttpSeen[] = []
  return {
    seen,
    get runs() {
      return seen.length
    },
    async run(one) {
      seen.push(one)
      return answer(seen.length, one)
    },
  }
}

export function created(content: object): HttpScript {
  const body = JSON.stringify({ ...content, receipt: randomUUID() })
  return { status: 201, headers: [['content-type', 'application/json']], body }
}

export interface SiteSpec {
  readonly options?: Partial<IdempotencyOptions>
  readonly engine?: Partial<EngineOptions>
  /** Default: a new memory store in this process. */
  readonly store?: Store
}

/** One server under test, and a client of it. */
export interface Site extends Client {
  readonly once: Once
  readonly store: Store
  readonly server: HttpServer
  readonly events: readonly OnceEvent[]
  /** Moves the clock of this process's store forward. */
  pass(ms: number): void
}

/** Serves handlers behind the guard; a single one serves `POST /orders`. */
export async function openSite(
  context: HttpContext,
  handlers: Desk | readonly HttpRoute[],
  { options, engine, store }: SiteSpec = {},
): Promise<Site> {
  let ahead = 0
  const runtime = { ...systemRuntime, now: () => systemRuntime.now() + ahead }
  const used = store ?? memoryStore({ runtime })
  const once = onlyonce({ store: used, scope: 'shop', runtime, ...engine })
  const events: OnceEvent[] = []
  once.on((event) => events.push(event))
  const routes = 'run' in handlers ? [{ method: 'POST', path: '/orders', run: handlers.run }] : handlers
  const scope: IdempotencyOptions['scope'] = (call) => call.header('x-user') ?? 'somebody'
  const server = await context.harness.serve({
    once,
    options: { scope, onUnrecordable: () => {}, ...options },
    routes,
  })
  const client = clientOf(server.url)
  context.after(async () => {
    client.close()
    await server.close()
    await once.close()
  })
  const pass = (ms: number) => {
    ahead += ms
  }
  return { ...client, once, store: used, server, events, pass }
}

/** A promise that the case resolves by `open`. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `ready` returns true. @throws if it does not within 10 seconds */
export async function until(ready: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUp = Date.now() + 10_000
  while (!(await ready())) {
    if (Date.now() > giveUp) throw new Error(`waited in vain until ${what}`)
    await pause(3)
  }
}

export function newKey(): string {
  return randomUUID()
}

/** Asks until the answer is no longer that the first request is in flight. */
export async function settled(site: Site, path: string, ask: Ask) {
  for (let attempt = 0; ; attempt++) {
    const answer = await site.ask(path, ask)
    if (answer.status !== 409 || answer.json().code !== 'conflict' || attempt > 1_000) return answer
    await pause(5)
  }
}
