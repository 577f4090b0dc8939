import type { HttpCall, HttpReply } from '../../src/http/call.ts'
import { createGuard, type Handle } from '../../src/http/guard.ts'
import type { IdempotencyOptions } from '../../src/http/options.ts'
import type { FaultPlan } from '../../src/testing/faulty-store.ts'
import { engine } from '../engine-kit.ts'

export interface Request {
  readonly method?: string
  readonly url?: string
  readonly key?: string
  readonly user?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A guard under virtual time, asked without any framework; the handler counts its runs. */
export function guarded(options: Partial<IdempotencyOptions<Request>> = {}, plan: FaultPlan = {}) {
  const kit = engine({}, plan)
  const build = (once = kit.once, more: Partial<IdempotencyOptions<Request>> = {}) =>
    createGuard<Request>(once, { scope: ({ request }) => request.user ?? 'alice', ...options, ...more })
  const guard = build()
  let runs = 0
  const created: Handle = async () => reply(201, `{"order":${++runs}}`, [['location', '/orders/1']])
  const ask = (request: Request = {}, handler: Handle = created, by = guard) => by(callOf(request), handler)
  return { ...kit, guard, build, ask, created, runs: () => runs }
}

export function callOf(request: Request): HttpCall<Request> {
  const { method = 'POST', url = '/orders', key = 'k1', body = '{"amount":1}', headers = {} } = request
  const all: Record<string, string> = {
    'content-type': 'application/json',
    ...(key === '' ? {} : { 'idempotency-key': key }),
    ...headers,
  }
  return {
    method,
    url,
    request,
    header: (name) => all[name],
    body: async (maxBytes) => (body.length > maxBytes ? undefined : { bytes: new TextEncoder().encode(body) }),
  }
}

export function reply(status: number, body = '', headers: HttpReply['headers'] = []): HttpReply {
  return { status, headers: [['content-type', 'application/json'], ...headers], body: new TextEncoder().encode(body) }
}

/** What a client would see, short enough to compare. */
export function seen(answer: HttpReply | undefined) {
  if (answer === undefined) return 'not guarded'
  const text = new TextDecoder().decode(answer.body)
  const problem = answer.headers.some(([name, value]) => name === 'content-type' && value.includes('problem'))
  const replayed = answer.headers.some(([name]) => name === 'idempotency-replayed')
  return `${answer.status} ${problem ? JSON.parse(text).code : text}${replayed ? ' (replayed)' : ''}`
}
