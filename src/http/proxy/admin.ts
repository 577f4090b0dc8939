import { createServer, type Server } from 'node:http'
import type { Once } from '../../core/once.ts'
import type { IdempotencyPolicy } from '../policy.ts'
import type { Counters } from './counters.ts'

export interface AdminOptions {
  readonly once: Pick<Once, 'find'>
  readonly counters: Counters
  readonly draining: () => boolean
  readonly describe: () => IdempotencyPolicy
}

/** Serves health, metrics and policy on a port of its own, so that no path of the upstream is hidden. */
export function createAdmin({ once, counters, draining, describe }: AdminOptions): Server {
  const health = async (): Promise<[number, string]> => {
    if (draining()) return [503, 'draining']
    try {
      await once.find('healthz')
      return [200, 'ok']
    } catch {
      return [503, 'store-unavailable']
    }
  }
  return createServer(async (req, res) => {
    const reply = (status: number, type: string, text: string) => {
      res
        .writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
        .end(req.method === 'HEAD' ? '' : text)
    }
    const path = (req.url ?? '').split('?', 1)[0]
    if (req.method !== 'GET' && req.method !== 'HEAD') reply(405, 'text/plain', 'GET only\n')
    else if (path === '/metrics') reply(200, 'text/plain; version=0.0.4; charset=utf-8', counters.text())
    else if (path === '/policy') reply(200, 'application/json', `${JSON.stringify(describe())}\n`)
    else if (path === '/healthz') {
      const [code, status] = await health()
      reply(code, 'application/json', `${JSON.stringify({ status })}\n`)
    } else reply(404, 'text/plain', 'there are /healthz, /metrics and /policy\n')
  })
}
