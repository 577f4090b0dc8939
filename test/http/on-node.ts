import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { HttpHarness, HttpServeSpec, WayTruth } from '../../src/testing/index.ts'
import { listen, shut } from './harness/listen.ts'

/** An adapter that turns a `Request` into a `Response`, before anything serves it. */
export interface WebAdapter {
  readonly ways: Readonly<Record<string, WayTruth>>
  site(spec: HttpServeSpec): WebSite
}

export interface WebSite {
  handler(request: Request): Response | Promise<Response>
  describe(): object
}

/** As Node serves it. */
export function onNode({ ways, site }: WebAdapter): HttpHarness {
  return {
    ways,
    async serve(spec) {
      const { handler, describe } = site(spec)
      const errorHandler = () => new Response('failed', { status: 500 })
      const server = createServer(getRequestListener(handler, { errorHandler, overrideGlobalObjects: false }))
      return { url: await listen(server), close: () => shut(server), describe }
    },
  }
}
